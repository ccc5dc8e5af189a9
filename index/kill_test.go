package index

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vrepofs/blob"
)

// childEnv names the store that this test binary works on when it is started as a child; childWork says what it does.
const (
	childEnv  = "VREPOFS_INDEX_TEST_CHILD"
	childWork = "VREPOFS_INDEX_TEST_WORK"
)

// child opens the store and, if asked, commits for ever, one line with the event for each commit that was acknowledged.
func child(root string) {
	x, err := Open(root, Options{Command: "the child"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(childWork) == "open" {
		x.Close()
		os.Exit(0)
	}
	fmt.Println("open")
	for seq := x.Head().Seq + 1; ; seq++ {
		h, err := x.Commit(context.Background(), childOp(seq))
		if err == nil && seq%3 == 0 {
			err = x.Record(Recording{Memos: []MemoRow{{sum(fmt.Sprint("memo", seq)), []byte("value")}}})
		}
		if err == nil && seq%5 == 0 {
			_, err = x.PlaceSerial(fmt.Sprint("place", seq))
		}
		if err == nil {
			d := sum(fmt.Sprint("file", seq))
			err = x.PutPackages([]PackageRow{{d, []byte(strings.Repeat(d.String(), 50))}})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(h.Seq)
	}
}

// childOp is the commit that the child makes as an event.
func childOp(seq uint64) Op {
	return Op{Row: Row{Command: fmt.Sprint("commit ", seq), Label: fmt.Sprint("L", seq)}, Apply: func(tx *Tx) error {
		tx.Put("t", "last", []byte(strconv.FormatUint(seq, 10)))
		tx.Put("t", fmt.Sprint("n", seq%50), []byte(strings.Repeat(fmt.Sprint(seq, " "), 50)))
		_, err := tx.AddFile(FileRow{Digest: sum(fmt.Sprint("file", seq)), Name: fmt.Sprint("f", seq%3)})
		return err
	}}
}

func childCommand(root, work string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+root, childWork+"="+work)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestKill kills a process that commits, at a random moment, again and again: whatever it acknowledged is there, the index rolls
// forward without being built anew, and equals one that is.
func TestKill(t *testing.T) {
	root := newStore(t)
	rounds := 20
	if os.Getenv("VREPOFS_LONG") != "" {
		rounds = 200
	}
	rng := rand.New(rand.NewPCG(1, 1))
	acked := uint64(0)
	unsure := map[uint64]bool{} // events that were not acknowledged and are there: their package may have been put or not
	for round := range rounds {
		cmd := childCommand(root, "commit")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := rng.IntN(40); lines.Scan(); n-- {
			if lines.Text() == "open" {
				want := fmt.Sprintf("store is in use by process %d (the child)", cmd.Process.Pid)
				if x, err := Open(root, Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), want) {
					t.Errorf("second opener: %v, %v, want %q", x, err, want)
				}
			} else if acked, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("child: %v", err)
		}
		var said string
		x, err := Open(root, Options{Report: func(f string, a ...any) { said += fmt.Sprintf(f, a...) }})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(said, "anew") || x.Err() != nil {
			t.Errorf("round %d: %s, %v", round, said, x.Err())
		}
		head := x.Head()
		if head.Seq < acked || head.Seq > acked+1 {
			t.Fatalf("round %d: head is %d, acknowledged was %d", round, head.Seq, acked)
		}
		if head.Seq > acked {
			unsure[head.Seq] = true
		}
		acked = head.Seq
		v, err := x.View(head).Get("t", "last")
		if err != nil || string(v) != strconv.FormatUint(head.Seq, 10) {
			t.Fatalf("round %d: last is %q, %v, want %d", round, v, err, head.Seq)
		}
		for seq := uint64(1); seq <= head.Seq; seq += 1 + head.Seq/50 {
			d := sum(fmt.Sprint("file", seq))
			if f, err := x.FileByDigest(d); err != nil || f.Serial != seq {
				t.Fatalf("round %d: file of event %d is %+v, %v", round, seq, f, err)
			}
			if _, err := x.Package(d); err != nil && !unsure[seq] {
				t.Fatalf("round %d: package of event %d: %v", round, seq, err)
			}
		}
		if round%5 == 4 {
			sameAsRebuilt(t, x)
		} else if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Badger's tables are rubbish: it takes the process with it, twice; then the index is built anew.
func TestBadgerPanics(t *testing.T) {
	root := newStore(t)
	x := mustOpen(t, root, Options{})
	fill(t, x)
	head := x.Head()
	x.Close()
	tables, _ := filepath.Glob(filepath.Join(root, "index", "*.sst"))
	if len(tables) == 0 {
		t.Fatal("there are no tables")
	}
	for _, f := range tables {
		overwrite(t, f, strings.Repeat("rubbish", 1000))
	}
	// As a rule both tries end in a panic; now and then Badger returns an error first, and the index is built anew at once.
	for i := 0; ; i++ {
		cmd := childCommand(root, "open")
		cmd.Stderr = nil
		err := cmd.Run()
		if err == nil {
			break
		}
		if i == maxTries {
			t.Fatalf("after %d processes that died the index is not built anew: %v", i, err)
		}
	}
	x = mustOpen(t, root, Options{Reparse: func(d blob.Digest) ([]byte, error) { return nil, nil }})
	if x.Head() != head || x.Err() != nil {
		t.Errorf("head is %v, was %v; %v", x.Head(), head, x.Err())
	}
	sameAsRebuilt(t, x)
}
