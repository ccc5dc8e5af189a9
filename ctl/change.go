package ctl

import (
	"time"

	"vrepofs/state"
	"vrepofs/store"
)

// Why is what a changing request says of itself, for the log.
type Why struct {
	Command string `json:"command,omitempty"` // "tag add f42 zlib-1.3.1-4.fc42"
	Note    string `json:"note,omitempty"`    // "for the 42.1 release"
	Label   string `json:"label,omitempty"`   // a name for the event, unique in the store
}

// who joins what the client says with what the kernel says.
func (w Why) who(uid uint32) store.Who {
	return store.Who{UID: uid, Command: w.Command, Note: w.Note, Label: w.Label}
}

// Change is a committed change: its event and time.
type Change struct {
	Event uint64    `json:"event"`
	Time  time.Time `json:"time"` // UTC, whole seconds
}

func changeOf(c state.Change) Change { return Change{Event: c.Event, Time: stampTime(c.Stamp)} }

// stampTime is a stamp as JSON shows it; the zero stamp is the zero time.
func stampTime(stamp int64) time.Time {
	if stamp == 0 {
		return time.Time{}
	}
	return time.Unix(stamp, 0).UTC()
}

// At names the moment that a reading request asks about; empty is now.
type At struct {
	At string `json:"at,omitempty"` // event number, time "20261121T043000Z", or label
}

func (a At) moment() store.Moment { return store.Moment(a.At) }
