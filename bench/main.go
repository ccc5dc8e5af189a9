package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

// families are all rows, in the order of the table.
var families = []family{
	{importRows, []string{"import-adopt", "import-copy", "import-memory"}},
	{walkRows, []string{"find-cold", "find-warm", "rsync-cold", "rsync-warm", "walk-memory"}},
	{flatRows, []string{"flat-memory", "flat-peak"}},
	{readRows, []string{"read-seq-warm", "read-seq-cold", "read-rand-warm", "read-rand-cold", "read-rand-fio", "read-mmap-warm", "read-mmap-cold", "read-requests"}},
	{openRows, []string{"open-1", "open-64"}},
	{viewRows, []string{"view-visible", "view-memory"}},
	mergeRowsOf("6k"), mergeRowsOf("60k"), mergeRowsOf("300k"),
	{heirRows, []string{"heirs", "heirs-composed", "heirs-used", "heirs-memory"}},
	{moveRows, []string{"move-command", "move-daemon", "move-stall-path", "move-stall-sibling", "move-stall-repos", "move-stall-dirfd", "move-stall-second", "move-stale"}},
	{promoteRows, []string{"promote", "promote-size", "promote-cached", "promote-lists-all", "promote-lists", "promote-cp", "promote-rsync", "promote-walk"}},
	{metadataRows, []string{"metadata-read", "metadata-size"}},
}

// family is rows that are measured together.
type family struct {
	measure func(*bench) error
	rows    []string
}

// bench is one run.
type bench struct {
	binary  string // vrepofs, absolute
	tmp     string // this run's own directory, removed at the end
	data    string // RPM files to import
	run     *regexp.Regexp
	quick   bool
	moves   int
	turns   int // rounds that were asked for; 0: as many as the row wants
	files   int // of the walked snapshot
	results []result
	cleanup []func()
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		os.Exit(child(os.Args[2:]))
	}
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start() error {
	b := &bench{}
	var jsonFile, outFile, run, tmp, data string
	flag.StringVar(&b.binary, "vrepofs", "bin/vrepofs", "the `binary` to measure")
	flag.StringVar(&run, "run", "", "measure only rows whose name matches `regexp`")
	flag.BoolVar(&b.quick, "quick", false, "few rounds and little data: a smoke test, not a measurement")
	flag.StringVar(&jsonFile, "json", "", "write the results to `file` as JSON too")
	flag.StringVar(&outFile, "o", "", "write the table to `file` too")
	flag.StringVar(&tmp, "tmp", os.TempDir(), "work in a new directory in `dir`, which should be on ext4")
	flag.StringVar(&data, "data", "", "keep the RPM files to import in `dir`, on the same file system as -tmp, for the next run")
	flag.IntVar(&b.turns, "rounds", 0, "measure `N` rounds of each row, to look at something while working on it")
	flag.IntVar(&b.moves, "moves", 1000, "tag moves under a walker for the row flat-memory; the full run has 10000")
	list := flag.Bool("list", false, "list the rows and end")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	var err error
	if b.run, err = regexp.Compile(run); err != nil {
		return err
	}
	if *list {
		for _, f := range families {
			for _, r := range f.rows {
				fmt.Println(r)
			}
		}
		return nil
	}
	if os.Geteuid() != 0 {
		return errors.New("must run as root: it mounts with passthrough and drops the caches of the machine")
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	if _, err := os.Stat(b.binary); err != nil {
		return fmt.Errorf("no binary to measure (make build makes it): %w", err)
	}
	b.files = 100000
	if b.quick {
		b.files, b.moves = 2000, min(b.moves, 50)
	}
	if b.tmp, err = os.MkdirTemp(tmp, "vrepofs-bench."); err != nil {
		return err
	}
	if b.data = filepath.Join(b.tmp, "data"); data != "" {
		if b.data, err = filepath.Abs(data); err != nil {
			return err
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	finished := make(chan error, 1)
	go func() { finished <- b.measure() }()
	select {
	case err = <-finished:
	case s := <-stop:
		// The measuring goroutine may be anywhere; what it started is ended here, and its next step fails.
		err = fmt.Errorf("stopped by %s", s)
	}
	b.clean()
	if len(b.results) > 0 {
		err = errors.Join(err, b.report(outFile, jsonFile))
	}
	return err
}

// measure runs the families of which a row is wanted. A family that fails is reported and the others go on.
func (b *bench) measure() error {
	var errs []error
	for _, f := range families {
		wanted := false
		for _, r := range f.rows {
			wanted = wanted || b.want(r)
		}
		if !wanted {
			continue
		}
		if err := f.measure(b); err != nil {
			errs = append(errs, fmt.Errorf("%s …: %w", f.rows[0], err))
			logf("FAILED: %s …: %v", f.rows[0], err)
		}
		b.release()
	}
	return errors.Join(errs...)
}

// want reports whether a row was asked for.
func (b *bench) want(row string) bool { return b.run.MatchString(row) }

// later puts off something until the family is finished.
func (b *bench) later(f func()) { b.cleanup = append(b.cleanup, f) }

// release does what was put off, the last first.
func (b *bench) release() {
	for len(b.cleanup) > 0 {
		f := b.cleanup[len(b.cleanup)-1]
		b.cleanup = b.cleanup[:len(b.cleanup)-1]
		f()
	}
}

func (b *bench) clean() {
	b.release()
	if err := os.RemoveAll(b.tmp); err != nil {
		logf("remove %s: %v", b.tmp, err)
	}
}

func logf(format string, a ...any) { fmt.Fprintf(os.Stderr, format+"\n", a...) }
