package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"time"

	"vrepofs/store"
)

// VerifyRequest starts a verification.
type VerifyRequest struct {
	Workers int `json:"workers,omitempty"` // blobs read at once; 0: one per core
}

// Verification is the result of a verification.
type Verification struct {
	Blobs    int       `json:"blobs"` // that were read
	Bytes    int64     `json:"bytes"`
	Findings []Finding `json:"findings"` // what is bad; empty: all is well
}

// Finding is one bad thing.
type Finding struct {
	Kind   string `json:"kind"`             // "journal", "blob", "missing", "index"
	Digest string `json:"digest,omitempty"` // of the blob
	Name   string `json:"name,omitempty"`   // what the blob is, or where it belongs
	Reason string `json:"reason"`
}

// Progress is how far something has come.
type Progress struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Of these; 0 when that is not known.
	TotalFiles int   `json:"total_files,omitempty"`
	TotalBytes int64 `json:"total_bytes,omitempty"`
}

// verifyLine is one line of the answer: any number with Progress, then one with Result or Error.
type verifyLine struct {
	Progress *Progress     `json:"progress,omitempty"`
	Result   *Verification `json:"result,omitempty"`
	Error    *Error        `json:"failed,omitempty"`
}

// reportEvery is how often progress is sent.
const reportEvery = 200 * time.Millisecond

// Verify checks the journal, every blob, and that no blob is missing. progress may be nil. Findings are a result, not an error.
func (c *Client) Verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (*Verification, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	resp, err := c.do(ctx, "verify/run", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var line verifyLine
		if err := dec.Decode(&line); err != nil {
			return nil, fmt.Errorf("verify: the answer ended early: %w", err)
		}
		switch {
		case line.Error != nil:
			return nil, line.Error
		case line.Result != nil:
			return line.Result, nil
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		}
	}
}

func (h *Handler) runVerify(w http.ResponseWriter, r *http.Request) {
	var req VerifyRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, maxRequest)).Decode(&req); err != nil {
		h.fail(w, r, invalid("request %s: %v", r.URL.Path, err))
		return
	}
	if req.Workers <= 0 || req.Workers > 64 {
		req.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	total, bytes, err := h.st.BlobSizes(ctx)
	if err != nil {
		total, bytes = 0, 0 // Verify will say what is wrong
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	send := func(line verifyLine) {
		if err := enc.Encode(line); err != nil {
			cancel() // nobody listens any more
		}
		_ = http.NewResponseController(w).Flush()
	}
	last := time.Now()
	v, err := h.st.Verify(ctx, req.Workers, func(c store.Checked) {
		if now := time.Now(); now.Sub(last) >= reportEvery {
			last = now
			send(verifyLine{Progress: &Progress{Files: c.Blobs, Bytes: c.Bytes, TotalFiles: total, TotalBytes: bytes}})
		}
	})
	if err != nil {
		send(verifyLine{Error: errorOf(err)})
		return
	}
	out := &Verification{Blobs: v.Blobs, Bytes: v.Bytes, Findings: []Finding{}}
	for _, f := range v.Findings {
		row := Finding{Kind: f.Kind, Name: f.Name, Reason: f.Err.Error()}
		if !f.Digest.IsZero() {
			row.Digest = f.Digest.String()
		}
		h.log.Warn("verify", "kind", f.Kind, "digest", row.Digest, "name", f.Name, "reason", f.Err)
		out.Findings = append(out.Findings, row)
	}
	send(verifyLine{Result: out})
}
