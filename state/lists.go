package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"
	"strings"
)

// Listed is what lies at the top of a path of the channels beside what was published there: its file lists.
type Listed struct {
	Module string   `json:"module"` // "rocky"
	Names  []string `json:"names"`  // of the files, in order
}

// ListedAt returns what lists lie at a path; "" is all channels. The zero Listed: none.
func ListedAt(r Reader, path string) (Listed, error) {
	l, err := get[Listed](r, TableLists, "lists of channel", settingsRow(path))
	if errors.Is(err, iofs.ErrNotExist) {
		return Listed{}, nil
	}
	return l, err
}

// PutListed notes what lists lie at a path from now on; the zero Listed: none.
func PutListed(tx Tx, path string, l Listed) {
	if l.Module == "" {
		tx.Delete(TableLists, settingsRow(path))
		return
	}
	tx.Put(TableLists, settingsRow(path), encode(l))
}

// ListedPaths returns the paths that have lists or are to have them, those that lie in others first; "" is all channels.
func ListedPaths(r Reader) ([]string, error) {
	paths, err := AllSettings(r)
	if err != nil {
		return nil, err
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		s, e := OwnSettings(r, p)
		if e != nil {
			err = e
		}
		return s.Lists == nil || *s.Lists == ""
	})
	for item, e := range r.List(TableLists, "") {
		if e != nil {
			return nil, fmt.Errorf("lists: %w", e)
		}
		paths = append(paths, strings.TrimPrefix(item.Name, "/"))
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	slices.Reverse(paths) // "a/b" comes behind "a"
	return paths, err
}

// TouchChannels notes that what is seen of all channels changes with this commit, though nothing was published.
func TouchChannels(tx Tx) { tx.Put(TableChannelMoves, "/", encode(now(tx))) }

// checkLists refuses a path for a repository, or files, where lists lie, or are to lie in it.
func checkLists(r Reader, path string) error {
	above, rest := "", path
	for more := true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		l, err := ListedAt(r, above)
		if err != nil {
			return err
		}
		if slices.Contains(l.Names, name) {
			return fmt.Errorf("channel %s: %s is one of the file lists there: %w", path, name, ErrConflict)
		}
		above = strings.TrimPrefix(above+"/"+name, "/")
	}
	for item, err := range r.List(TableSettings, settingsRow(path)) {
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		at := strings.TrimPrefix(item.Name, "/")
		if at != path && !strings.HasPrefix(at, path) {
			break
		}
		if at != path && !strings.HasPrefix(at, path+"/") {
			continue
		}
		s, err := OwnSettings(r, at)
		if err != nil {
			return err
		}
		if s.Lists != nil && *s.Lists != "" {
			return fmt.Errorf("channel %s: file lists are to lie at %s (vrepofs channel configure %s --reset lists ends that): %w", path, at, at, ErrConflict)
		}
	}
	return nil
}

// checkListsAbove refuses lists at a path that is a repository or lies in one.
func checkListsAbove(r Reader, path string) error {
	if path == "" {
		return nil
	}
	for _, p := range prefixes(path) {
		there, err := exists(r, TableChannels, p)
		if err != nil {
			return err
		}
		if there {
			return fmt.Errorf("lists at %s: %s is a repository, lists lie above repositories: %w", path, p, ErrConflict)
		}
	}
	return nil
}
