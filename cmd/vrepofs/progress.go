package main

import (
	"fmt"
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"
	"golang.org/x/term"

	"vrepofs/ctl"
)

// plainEvery is how often progress is told where it is not a terminal.
const plainEvery = 5 * time.Second

// progress tells how far something has come: a bar on a terminal, a line now and then elsewhere, nothing with --json. It
// is used by one goroutine at a time.
type progress struct {
	a    *app
	what string // "importing"
	bar  *pb.ProgressBar
	last time.Time // of the last plain line
}

func (a *app) newProgress(what string) *progress {
	p := &progress{a: a, what: what, last: time.Now()}
	if f, ok := a.talk.(*os.File); ok && !a.json && term.IsTerminal(int(f.Fd())) {
		p.bar = pb.New64(0).SetWriter(f).Set(pb.Bytes, true).
			SetTemplateString(`{{string . "what"}} {{string . "files"}} {{bar . }} {{counters . }} {{speed . "%s/s" ""}} {{rtime . "%s left" "%s" ""}}`)
		p.bar.Set("what", what)
	}
	return p
}

func (p *progress) set(v ctl.Progress) {
	files := showNumber(int64(v.Files))
	if v.TotalFiles > 0 {
		files += "/" + showNumber(int64(v.TotalFiles))
	}
	switch {
	case p.bar != nil:
		if !p.bar.IsStarted() {
			p.bar.Start()
		}
		p.bar.Set("files", files)
		p.bar.SetTotal(max(v.TotalBytes, v.Bytes))
		p.bar.SetCurrent(v.Bytes)
	case !p.a.json && time.Since(p.last) >= plainEvery:
		p.last = time.Now()
		fmt.Fprintf(p.a.talk, "%s: %s files, %s\n", p.what, files, showSize(v.Bytes))
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil && p.bar.IsStarted() {
		p.bar.Finish()
	}
}
