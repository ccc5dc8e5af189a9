package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"iter"
	"strings"

	"vrepofs/blob"
	"vrepofs/pinned"
	"vrepofs/tree"
)

// Repo is a named source of packages with a line of snapshots.
type Repo struct {
	Name    string `json:"name"`
	Created Change `json:"created"`
	Changed Change `json:"changed"` // when its line of snapshots last changed
	Latest  string `json:"latest"`  // id of the newest snapshot, "" when all were removed
}

// Mode says where a snapshot's repodata comes from.
type Mode string

// The modes of a snapshot, and that of what was put into a channel and is no repository.
const (
	Generated Mode = "generated" // vrepofs wrote the repodata
	Verbatim  Mode = "verbatim"  // files and repodata are as they were found
	PutFiles  Mode = "files"
)

// Snapshot is one immutable state of a repo.
type Snapshot struct {
	Repo     string      `json:"repo"`
	ID       string      `json:"id"` // FormatStamp of its commit: "20261121T043000Z"
	Made     Change      `json:"made"`
	Mode     Mode        `json:"mode"`
	Root     tree.Entry  `json:"-"`                  // its directory
	Dir      []byte      `json:"dir"`                // Root, encoded
	RPMs     blob.Digest `json:"rpms"`               // tree: file path in the snapshot → RPM, encoded
	Count    int         `json:"count"`              // number of RPMs
	Bytes    int64       `json:"bytes"`              // sum of their sizes
	Revision string      `json:"revision,omitempty"` // of a verbatim one's repomd.xml
	Metadata Metadata    `json:"metadata,omitzero"`  // of a generated one
	// Upstream is the URL of the repository that it is a copy of, as whoever made it said; "": not said.
	Upstream string  `json:"upstream,omitempty"`
	Others   []Other `json:"others,omitempty"` // of a verbatim one; none if it was made before they were looked at
}

// Other is a metadata file of a verbatim snapshot that views can have: one of none of the types that vrepofs makes itself.
type Other struct {
	Type     string      `json:"type"`               // in repomd.xml: "updateinfo"
	Name     string      `json:"name"`               // of the file, without upstream's checksum: "updateinfo.xml.gz"
	File     blob.Digest `json:"file"`               // the blob
	Size     int64       `json:"size"`               // bytes
	Open     blob.Digest `json:"open,omitzero"`      // of its content before compression; none if it is not compressed, or that could not be read
	OpenSize int64       `json:"open_size,omitzero"` // bytes of that
	Fault    string      `json:"fault,omitempty"`    // of modules: what of it vrepofs could not read
}

// Kind is what of a snapshot's other metadata belongs together: group, group_gz and group_xz are one.
func (o *Other) Kind() string {
	if strings.HasPrefix(o.Type, "group_") {
		return "group"
	}
	return o.Type
}

// Ref names the snapshot: "fedora@20261121T043000Z".
func (s *Snapshot) Ref() string { return s.Repo + "@" + s.ID }

// ParseRef cuts "REPO@ID" apart. A bare "REPO" means its latest snapshot: id is then "latest".
func ParseRef(ref string) (repo, id string, err error) {
	repo, id, found := strings.Cut(ref, "@")
	if !found {
		id = "latest"
	}
	if err := CheckName("repo", repo); err != nil {
		return "", "", err
	}
	if id != "latest" {
		if _, err := ParseStamp(id); err != nil {
			return "", "", fmt.Errorf("snapshot %s: id %w, and not latest", ref, err)
		}
	}
	return repo, id, nil
}

// GetRepo returns iofs.ErrNotExist when there is no such repo.
func GetRepo(r Reader, name string) (Repo, error) { return get[Repo](r, TableRepos, "repo", name) }

// Repos yields every repo in the order of names.
func Repos(r Reader) iter.Seq2[Repo, error] { return all[Repo](r, TableRepos, "repo", "", nil) }

// GetSnapshot resolves "REPO@ID", "REPO@latest" or "REPO".
func GetSnapshot(r Reader, ref string) (Snapshot, error) {
	name, id, err := ParseRef(ref)
	if err != nil {
		return Snapshot{}, err
	}
	repo, err := GetRepo(r, name)
	if err != nil {
		return Snapshot{}, err
	}
	if id == "latest" {
		if id = repo.Latest; id == "" {
			return Snapshot{}, fmt.Errorf("repo %s has no snapshot: %w", name, iofs.ErrNotExist)
		}
	}
	s, err := get[Snapshot](r, TableSnapshots, "snapshot", name+"@"+id)
	if err != nil {
		return s, err
	}
	s.Root, err = tree.DecodeEntry(s.Dir)
	return s, err
}

// Snapshots yields the snapshots of a repo, oldest first.
func Snapshots(r Reader, repo string) iter.Seq2[Snapshot, error] {
	prefix := repo + "@"
	return all(r, TableSnapshots, "snapshot", prefix, func(s *Snapshot) (err error) {
		s.Root, err = tree.DecodeEntry(s.Dir)
		return err
	})
}

// all yields the records of a table whose names begin with prefix; finish, if not nil, completes each.
func all[T any](r Reader, table, noun, prefix string, finish func(*T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range r.List(table, prefix) {
			var v T
			if err == nil {
				if !strings.HasPrefix(item.Name, prefix) {
					return
				}
				if err = decode(noun+" "+item.Name, item.Value, &v); err == nil && finish != nil {
					err = finish(&v)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// AddSnapshot makes s the newest snapshot of its repo, which is created if need be. s.Repo, Mode, Root, RPMs, Count and
// Bytes are given; ID and Made are filled in from the commit.
func AddSnapshot(tx Tx, s *Snapshot) error {
	if err := CheckName("repo", s.Repo); err != nil {
		return err
	}
	if s.Upstream != "" {
		var err error
		if s.Upstream, err = pinned.CheckURL("upstream", s.Upstream); err != nil {
			return err
		}
	}
	repo, err := GetRepo(tx, s.Repo)
	if errors.Is(err, iofs.ErrNotExist) {
		repo, err = Repo{Name: s.Repo, Created: now(tx)}, nil
	}
	if err != nil {
		return err
	}
	s.ID, s.Made, s.Dir = FormatStamp(tx.Stamp()), now(tx), s.Root.Append(nil)
	if had, err := exists(tx, TableSnapshots, s.Ref()); err != nil {
		return err
	} else if had {
		return fmt.Errorf("snapshot %s: a second one in one commit: %w", s.Ref(), ErrConflict)
	}
	repo.Latest, repo.Changed = s.ID, now(tx)
	tx.Put(TableSnapshots, s.Ref(), encode(s))
	tx.Put(TableRepos, repo.Name, encode(repo))
	return nil
}

// RemoveSnapshot takes a snapshot out of its repo's line. Earlier events still show it.
func RemoveSnapshot(tx Tx, ref string) (Snapshot, error) {
	s, err := GetSnapshot(tx, ref)
	if err != nil {
		return s, err
	}
	if err := notExternal(tx, s.Repo, s.ID); err != nil {
		return s, err
	}
	repo, err := GetRepo(tx, s.Repo)
	if err != nil {
		return s, err
	}
	tx.Delete(TableSnapshots, s.Ref())
	repo.Changed = now(tx)
	if repo.Latest == s.ID {
		repo.Latest = ""
		for older, err := range Snapshots(tx, s.Repo) {
			if err != nil {
				return s, err
			}
			repo.Latest = older.ID
		}
	}
	tx.Put(TableRepos, repo.Name, encode(repo))
	return s, nil
}

// RemoveRepo removes a repo and its whole line of snapshots. Earlier events still show them.
func RemoveRepo(tx Tx, name string) error {
	if _, err := GetRepo(tx, name); err != nil {
		return err
	}
	if err := notExternal(tx, name, ""); err != nil {
		return err
	}
	var refs []string
	for s, err := range Snapshots(tx, name) {
		if err != nil {
			return err
		}
		refs = append(refs, s.Ref())
	}
	for _, ref := range refs {
		tx.Delete(TableSnapshots, ref)
	}
	tx.Delete(TableRepos, name)
	return nil
}
