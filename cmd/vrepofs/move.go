package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

// moveFlags are the flags of everything that moves channels.
type moveFlags struct {
	dry           bool
	regenerate    bool
	gates         []string // built-in: "closure", "closure=PATH"
	before, after []string // commands
	timeout       time.Duration
}

// maxGateTimeout is what --gate-timeout may be at most: the daemon holds a candidate no longer.
const maxGateTimeout = time.Hour

// moveFlags defines them.
func (a *app) moveFlags(cmd *cobra.Command) *moveFlags {
	m, f := &moveFlags{}, cmd.Flags()
	f.BoolVar(&m.dry, "dry-run", false, "print what would happen, and change nothing; runs --gate, not --before")
	f.StringArrayVar(&m.gates, "gate", nil, "refuse by a built-in `GATE`: closure, or closure=PATH (see vrepofs help gates)")
	f.StringArrayVar(&m.before, "before", nil, "run `CMD` on the candidate first; if it fails nothing is changed")
	f.StringArrayVar(&m.after, "after", nil, "run `CMD` when it is done; if it fails the change stays, and the exit status is 3")
	f.DurationVar(&m.timeout, "gate-timeout", time.Minute, "kill a CMD that takes longer: `TIME` up to 1h")
	f.BoolVar(&m.regenerate, "regenerate", false, "publish verbatim snapshots with metadata of ours; upstream's, comps and the like go")
	return m
}

// apply puts the flags into a request.
func (m *moveFlags) apply(cmd *cobra.Command, req *ctl.MoveRequest) error {
	if m.timeout <= 0 || m.timeout > maxGateTimeout {
		return wrong(cmd, "--gate-timeout %v: want more than 0 and at most %v", m.timeout, maxGateTimeout)
	}
	for _, g := range m.gates {
		name, universe, with := strings.Cut(g, "=")
		if name != "closure" || with && universe == "" || req.Closure != nil {
			return wrong(cmd, "--gate %s: want closure or closure=PATH, once", g)
		}
		req.Closure = &ctl.ClosureGate{Universe: universe}
	}
	req.DryRun, req.Regenerate = m.dry, m.regenerate
	req.Hold = int64((time.Duration(len(m.before))*m.timeout + time.Minute) / time.Second)
	return nil
}

// move carries an operation on channels out: its plan, its gates, the commit, what comes after, and what is printed of them.
func (a *app) move(cmd *cobra.Command, req ctl.MoveRequest, m *moveFlags) error {
	if err := m.apply(cmd, &req); err != nil {
		return err
	}
	ctx := cmd.Context()
	req.Why = a.why()
	var p *ctl.ChannelPlan
	var err error
	switch apply := req.Verb == "apply"; {
	case req.DryRun:
		if p, err = a.oneMove(ctx, req); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(p)
		}
		a.printPlan(p)
		a.warnVerbatim(req, p)
		if n := countPlan(p); n != "" {
			fmt.Fprintf(a.talk, "would be: %s; nothing was changed\n", n)
		}
		return nil
	case apply || len(m.before) > 0:
		p, err = a.plannedMove(ctx, req, m)
	default:
		p, err = a.oneMove(ctx, req)
	}
	if err != nil {
		return err
	}
	a.warnVerbatim(req, p)
	switch {
	case a.json:
		err = a.printJSON(p)
	case p.Change == nil:
		fmt.Fprintln(a.out, "nothing to do")
	default:
		fmt.Fprintf(a.out, "event %d  %s  %s\n", p.Change.Event, showTime(p.Change.Time), countPlan(p))
	}
	if err != nil || p.Change == nil {
		return err
	}
	return a.afterMove(ctx, p, m)
}

// oneMove makes one request.
func (a *app) oneMove(ctx context.Context, req ctl.MoveRequest) (p *ctl.ChannelPlan, err error) {
	err = a.with(ctx, func(c *ctl.Client) error {
		p, err = c.Move(ctx, req)
		return err
	})
	return p, err
}

// plannedMove plans first, shows the plan if the operation is an apply, lets commands look, and then does exactly that plan or
// nothing. The store is not open in this process while a command runs, which may want it.
func (a *app) plannedMove(ctx context.Context, req ctl.MoveRequest, m *moveFlags) (p *ctl.ChannelPlan, err error) {
	done := false
	err = a.with(ctx, func(c *ctl.Client) error {
		dry := req
		dry.DryRun = true
		if p, err = c.Move(ctx, dry); err != nil {
			return err
		}
		if req.Verb == "apply" && nothingToDo(p) {
			p.DryRun, p.Plan, done = false, "", true
			return nil
		}
		if req.Verb == "apply" && !a.json {
			a.printPlan(p)
		}
		pin(&req, p)
		if len(m.before) > 0 && c.Daemon() == 0 {
			return nil
		}
		if len(m.before) > 0 {
			candidate, release, err := c.Try(ctx, req)
			if err != nil {
				return err
			}
			defer release()
			if err := a.runGates(ctx, "--before", m.before, p, candidate.Path, m.timeout); err != nil {
				return err
			}
			req.Candidate = candidate.Name
		}
		done = true
		p, err = c.Move(ctx, req)
		return err
	})
	if err != nil || done {
		return p, err
	}
	fmt.Fprintln(a.talk, "vrepofs: no daemon serves the store: --before sees the plan and no candidate")
	if err := a.runGates(ctx, "--before", m.before, p, "", m.timeout); err != nil {
		return nil, err
	}
	return a.oneMove(ctx, req)
}

// pin makes a request mean what was planned, though a tag or repo that it names may move on. Views that the operation itself changes have no
// event yet: the plan's name holds them.
func pin(req *ctl.MoveRequest, p *ctl.ChannelPlan) {
	req.Plan = p.Plan
	sources := map[string]string{}
	for _, s := range p.Steps {
		sources[s.Path] = s.After
	}
	if s := sources[req.Path]; req.Verb == "set" && s != "" {
		req.Source = s
	}
	for _, c := range req.Channels {
		for i, part := range c.Parts {
			if s := sources[part.Path]; s != "" {
				c.Parts[i].Source = s
			}
		}
	}
}

// nothingToDo reports whether a plan changes nothing, neither what is seen nor what it is called.
func nothingToDo(p *ctl.ChannelPlan) bool {
	if len(p.Tags) > 0 {
		return false
	}
	for _, s := range p.Steps {
		if s.Action != "unchanged" || s.Before != s.After {
			return false
		}
	}
	return true
}

// warnVerbatim says where a rollback brings upstream's repomd.xml back.
func (a *app) warnVerbatim(req ctl.MoveRequest, p *ctl.ChannelPlan) {
	if req.Verb != "rollback" || p == nil {
		return
	}
	for _, s := range p.Steps {
		if s.Verbatim && s.Action == "changed" {
			fmt.Fprintf(a.talk, "vrepofs: %s keeps upstream's repomd.xml, whose revision may be lower than before; clients may mind (--regenerate)\n", s.Path)
		}
	}
}

// afterMove runs what is to run after a commit, all of it, and says what failed.
func (a *app) afterMove(ctx context.Context, p *ctl.ChannelPlan, m *moveFlags) error {
	var failed []string
	for _, command := range m.after {
		if err := a.runGates(ctx, "--after", []string{command}, p, "", m.timeout); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if failed == nil {
		return nil
	}
	return &partlyError{fmt.Sprintf("event %d stands, but %s", p.Change.Event, strings.Join(failed, "; "))}
}

// runGates runs commands one after the other until one fails. Each gets the plan as JSON on its standard input and in the file
// $VREPOFS_PLAN, and in its environment what it is about.
func (a *app) runGates(ctx context.Context, flag string, commands []string, p *ctl.ChannelPlan, candidate string, timeout time.Duration) error {
	plan, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	store, err := filepath.Abs(a.store)
	if err != nil {
		return err
	}
	env := []string{"VREPOFS_STORE=" + store, "VREPOFS_CANDIDATE=" + candidate, "VREPOFS_EVENT="}
	if p.Change != nil {
		env[2] += fmt.Sprint(p.Change.Event)
	}
	for _, command := range commands {
		g := gate{command: command, plan: append(plan, '\n'), env: env, timeout: timeout, out: a.talk}
		err := g.run(ctx)
		if err == nil {
			continue
		}
		text := fmt.Sprintf("%s %q", flag, command)
		if flag == "--before" {
			if errors.Is(err, context.Canceled) {
				return err
			}
			return fmt.Errorf("%s %w; nothing was changed", text, err)
		}
		return fmt.Errorf("%s %w", text, err)
	}
	return nil
}

// gatesTopic is a page of help.
func (a *app) gatesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "gates",
		Short: "What --gate, --before and --after do",
		Long: `Gates look at what an operation on channels would publish, before anybody sees it, and outside of every lock. The commit is
made only if its plan is still exactly the one that the gates saw; else the exit status is 1, and nothing was changed.

--gate closure refuses when a package would have a requirement that nothing meets, unless it had it before (the same name, arch
and requirement). What can meet it: all repositories below one path, each architecture for itself. The path is for each
repository that moves the first two components of its own (production/9); --gate closure=PATH names another.

--before CMD runs CMD with /bin/sh, as you and with your environment. Its standard input is the plan as --dry-run --json
prints it; $VREPOFS_PLAN is a file with the same. With a daemon $VREPOFS_CANDIDATE is the directory of all channels as it
would be, in the mount under at/, where only those see it who know its name; without one it is empty. If nothing else was
committed meanwhile, exactly these bytes are published; else only times, and event numbers in .repo files and lists, differ.

--after CMD runs after the commit; $VREPOFS_EVENT is its event. A failure changes nothing any more: exit status 3.

A CMD that takes longer than --gate-timeout is killed, with everything that it started; so is what it leaves running. Of its
output the first 64 KiB and the last 16 KiB are shown. Both flags can be given several times.`,
		Example: `  vrepofs channel promote staging/9 production/9 --gate closure
  vrepofs channel promote staging production --gate closure=production \
    --before 'dnf --repofrompath=c,$VREPOFS_CANDIDATE/production/9/os --repo=c repoquery bash' \
    --after 'jq -r .change.event | mail -s promoted releng@example.org'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}
