package ctl

import (
	"context"
	"math"
	"os/user"
	"strconv"
	"time"

	"vrepofs/index"
)

// LogRow is one row of the log: one operation. Rows that were committed together have the same event.
type LogRow struct {
	Event   uint64    `json:"event"`
	Time    time.Time `json:"time"`
	UID     uint32    `json:"uid"`
	User    string    `json:"user"` // name of the uid where the store is, the number if it has none
	Command string    `json:"command"`
	Label   string    `json:"label,omitempty"`
	Note    string    `json:"note,omitempty"`
}

// LogRequest asks for rows of the log, newest first.
type LogRequest struct {
	Before uint64 `json:"before,omitempty"` // only events below it; 0: all
	Limit  int    `json:"limit,omitempty"`  // rows; events are not cut apart, so some more may come. 0 or too much: maxPage
}

// Log is a page of the log, newest first; More says that older rows follow.
type Log struct {
	Rows []LogRow `json:"rows"`
	More bool     `json:"more,omitempty"`
}

// Log calls f for the newest n rows of the log, newest first; n ≤ 0 means all.
func (c *Client) Log(ctx context.Context, n int, f func(LogRow) error) error {
	if n <= 0 {
		n = math.MaxInt
	}
	for before := uint64(0); n > 0; {
		page, err := call[Log](ctx, c, "log/list", LogRequest{Before: before, Limit: min(n, maxPage)})
		if err != nil {
			return err
		}
		for _, r := range page.Rows {
			if n == 0 {
				return nil
			}
			if err := f(r); err != nil {
				return err
			}
			n--
			before = r.Event
		}
		if !page.More {
			return nil
		}
	}
	return nil
}

func (h *Handler) listLog(_ context.Context, req *LogRequest) (*Log, error) {
	limit := req.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	from := uint64(math.MaxUint64)
	if req.Before > 0 {
		from = req.Before - 1
	}
	out := &Log{Rows: []LogRow{}}
	if req.Before == 1 {
		return out, nil
	}
	names := userNames{}
	for row, err := range h.st.Index.Log(from, 0) {
		if err != nil {
			return nil, err
		}
		if n := len(out.Rows); n >= limit && out.Rows[n-1].Event != row.Seq {
			out.More = true
			break
		}
		out.Rows = append(out.Rows, names.row(row))
	}
	return out, nil
}

// userNames keeps the names of users that were looked up.
type userNames map[uint32]string

// row is a row of the log as requests show it.
func (n userNames) row(row index.Row) LogRow {
	name, ok := n[row.UID]
	if !ok {
		name = userName(row.UID)
		n[row.UID] = name
	}
	return LogRow{Event: row.Seq, Time: stampTime(row.Stamp), UID: row.UID, User: name, Command: row.Command, Label: row.Label, Note: row.Note}
}

// userName is the name of a uid, or the number.
func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}
