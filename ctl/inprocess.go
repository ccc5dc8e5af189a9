package ctl

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// inProcess is a RoundTripper that calls a handler in a goroutine of this process. Bodies stream in both directions.
type inProcess struct {
	h   http.Handler
	uid uint32
}

var _ http.RoundTripper = inProcess{}

// RoundTrip returns when the handler has written its header.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(WithUID(r.Context(), t.uid))
	in := r.Clone(ctx)
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	body, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: bufio.NewWriterSize(pw, 32<<10), started: make(chan struct{})}
	go func() {
		defer cancel()
		defer in.Body.Close() // as a server does: a client that still writes gets an error
		t.h.ServeHTTP(w, in)
		w.WriteHeader(http.StatusOK)
		pw.CloseWithError(w.body.Flush())
	}()
	select {
	case <-w.started:
	case <-r.Context().Done():
		// The handler ends by its context; what it did is its to say, so wait for it as one would for a server.
		<-w.started
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// pipeWriter is the ResponseWriter of a request in process. The handler's goroutine alone writes.
type pipeWriter struct {
	header  http.Header
	body    *bufio.Writer
	start   sync.Once
	started chan struct{} // closed when status is set
	status  int
}

var _ http.Flusher = (*pipeWriter)(nil)

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.start.Do(func() {
		w.status = status
		w.header = w.header.Clone()
		close(w.started)
	})
}

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush sends what was written so far.
func (w *pipeWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	_ = w.body.Flush() // a reader that has gone is noticed by the next Write
}
