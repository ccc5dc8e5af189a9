package ctl

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"vrepofs/blob"
	"vrepofs/disk"
	"vrepofs/ingest"
	"vrepofs/store"
)

// PutOptions say what to put into a channel, and how.
type PutOptions struct {
	Path   string   // of the channels
	Source string   // a file or a directory
	How    blob.How // copy, share the data, or adopt
	DryRun bool
	// Progress, if not nil, is called now and then, from one goroutine.
	Progress func(Progress)
}

// putHeader begins a put; file, link and directory frames follow, then the end.
type putHeader struct {
	Why
	Path   string `json:"path"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// Put puts a file or a directory at a path of the channels. The blobs are written by this process; the request has names and digests
// only. The answer has no Change if the same was there already.
func (c *Client) Put(ctx context.Context, why Why, o PutOptions) (*ChannelPlan, error) {
	plan, err := ingest.ScanFiles(o.Source, store.CheckLink)
	if err != nil {
		return nil, err
	}
	var lease *blob.Lease // a dry run writes nothing
	if !o.DryRun {
		if err := store.CheckOwner(c.Root); errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("%w; only that user can put files into it", err)
		} else if err != nil {
			return nil, err
		}
		blobs, err := blob.Open(c.Root, disk.OS{})
		if err != nil {
			return nil, err
		}
		if lease, err = blobs.NewLease(); err != nil {
			return nil, err
		}
		// It protects the blobs until the commit that refers to them is known to be there, or not.
		defer lease.Close()
	}
	var body bytes.Buffer
	w := newFrameWriter(&body)
	head, err := json.Marshal(putHeader{why, o.Path, o.DryRun})
	if err == nil {
		err = w.write(frameHeader, head)
	}
	if err != nil {
		return nil, err
	}
	options := ingest.Options{How: o.How, Progress: func(p ingest.Progress) {
		if o.Progress != nil {
			o.Progress(Progress{Files: p.Files, Bytes: p.Bytes, TotalFiles: len(plan.Files), TotalBytes: plan.Bytes})
		}
	}}
	if err := ingest.ReadFiles(ctx, lease, plan, options, func(f ingest.File) error { return w.file(f.Name, f.Digest, f.Size, false) }); err != nil {
		return nil, err
	}
	for _, l := range plan.Links {
		b := append(binary.AppendUvarint(nil, uint64(len(l.Name))), l.Name...)
		if err := w.write(frameLink, append(b, l.Target...)); err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, err)
		}
	}
	for _, name := range plan.Empty {
		if err := w.write(frameDir, []byte(name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if lease != nil {
		if err := lease.Flush(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	resp, err := c.do(ctx, "channel/put", &body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var v ChannelPlan
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &v, nil
}

// putFrames reads a stream to its end frame and commits it.
func (h *Handler) putFrames(ctx context.Context, body io.Reader) (*ChannelPlan, error) {
	if err := h.mayImport(ctx); err != nil {
		return nil, err
	}
	frames := newFrameReader(body)
	var head putHeader
	if err := frames.header(&head); err != nil {
		return nil, err
	}
	put := h.st.NewPut()
	for {
		kind, payload, err := frames.next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		switch kind {
		case frameFile:
			path, d, size, _, ferr := decodeFile(payload)
			if err = ferr; err == nil {
				err = put.AddFile(path, d, size)
			}
		case frameLink:
			n, w := binary.Uvarint(payload)
			if w <= 0 || n > uint64(len(payload)-w) {
				return nil, fmt.Errorf("link frame: %w", errFrame)
			}
			err = put.AddLink(string(payload[w:w+int(n)]), string(payload[w+int(n):]))
		case frameDir:
			err = put.AddDir(string(payload))
		case frameEnd:
			p, err := h.st.Move(ctx, who(ctx, head.Why), put.Op(head.Path), store.How{Dry: head.DryRun})
			if err != nil {
				return nil, err
			}
			return planOf(p, head.DryRun), nil
		default:
			err = fmt.Errorf("frame of kind %q: %w", kind, errFrame)
		}
		if err != nil {
			return nil, err
		}
	}
}
