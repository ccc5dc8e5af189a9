package state

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// SetUntil says when a tag is to be removed, in seconds since 1970 UTC; 0: never.
func SetUntil(tx Tx, tag string, until int64) error {
	t, err := GetTag(tx, tag)
	if err != nil {
		return err
	}
	t.Until = until
	putTag(tx, t)
	return nil
}

// Expiring parts tags whose time is over into those that can go, sorted, and those that must stay because a tag inherits from them that
// stays: that one's name is the value. inherits yields every tag with each of its parents. It costs one pass.
func Expiring(due []string, inherits iter.Seq2[string, string]) (gone []string, kept map[string]string) {
	going := map[string]bool{}
	for _, t := range due {
		going[t] = true
	}
	parents := map[string][]string{} // of tags that are due, those that are due, too
	kept = map[string]string{}
	var stay []string
	for tag, parent := range inherits {
		switch {
		case !going[parent]:
		case going[tag]:
			parents[tag] = append(parents[tag], parent)
		default:
			if by, has := kept[parent]; !has || tag < by {
				kept[parent] = tag
			}
		}
	}
	stay = slices.Sorted(maps.Keys(kept))
	for len(stay) > 0 {
		t := stay[0]
		stay = stay[1:]
		for _, p := range parents[t] {
			if kept[p] == "" {
				kept[p] = t
				stay = append(stay, p)
			}
		}
	}
	for t := range going {
		if kept[t] == "" {
			gone = append(gone, t)
		}
	}
	slices.Sort(gone)
	return gone, kept
}

// DueTags returns the tags whose time is over at now, seconds since 1970 UTC, as Expiring parts them. It reads every tag.
func DueTags(r Reader, now int64) (gone []string, kept map[string]string, err error) {
	var due []string
	links := map[string][]Link{}
	for t, err := range Tags(r) {
		if err != nil {
			return nil, nil, err
		}
		if t.Until != 0 && t.Until <= now {
			due = append(due, t.Name)
		}
		links[t.Name] = t.Inherit
	}
	gone, kept = Expiring(due, func(yield func(string, string) bool) {
		for t, list := range links {
			for _, l := range list {
				if !yield(t, l.Parent) {
					return
				}
			}
		}
	})
	return gone, kept, nil
}

// ExpireTags removes the tags whose time is over at now and that may go. ErrConflict, and nothing is done, when these are not they.
func ExpireTags(tx Tx, now int64, tags []string) error {
	gone, _, err := DueTags(tx, now)
	if err != nil {
		return err
	}
	if !slices.Equal(gone, tags) {
		return fmt.Errorf("tags that expire: some were changed meanwhile: %w", ErrConflict)
	}
	for _, t := range tags {
		tx.Delete(TableTags, t)
	}
	return nil
}
