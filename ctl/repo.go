package ctl

import (
	"context"

	"vrepofs/state"
)

// Repo is a repo as requests show it.
type Repo struct {
	Name      string `json:"name"`
	Created   Change `json:"created"`
	Changed   Change `json:"changed"`
	Latest    string `json:"latest,omitempty"` // id of the newest snapshot, "" when there is none
	Snapshots int    `json:"snapshots"`
	// List has the snapshots, oldest first; only in the answer to ShowRepo.
	List []Snapshot `json:"list,omitempty"`
}

// Repos answers ListRepos.
type Repos struct {
	Repos []Repo `json:"repos"`
}

// NameRequest asks about one thing by its name.
type NameRequest struct {
	At
	Name string `json:"name"`
}

// RemoveRequest removes one thing by its name.
type RemoveRequest struct {
	Why
	Name string `json:"name"`
}

// ListRequest asks for a list.
type ListRequest struct {
	At
}

// ListRepos lists all repos by name.
func (c *Client) ListRepos(ctx context.Context, at At) (*Repos, error) {
	return call[Repos](ctx, c, "repo/list", ListRequest{at})
}

// ShowRepo describes one repo with its snapshots.
func (c *Client) ShowRepo(ctx context.Context, at At, name string) (*Repo, error) {
	return call[Repo](ctx, c, "repo/show", NameRequest{at, name})
}

// RemoveRepo removes a repo with its snapshots.
func (c *Client) RemoveRepo(ctx context.Context, why Why, name string) (*Change, error) {
	return call[Change](ctx, c, "repo/remove", RemoveRequest{why, name})
}

func (h *Handler) listRepos(_ context.Context, req *ListRequest) (*Repos, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	out := &Repos{Repos: []Repo{}}
	for repo, err := range state.Repos(r) {
		if err != nil {
			return nil, err
		}
		v, err := repoOf(r, repo)
		if err != nil {
			return nil, err
		}
		v.List = nil
		out.Repos = append(out.Repos, v)
	}
	return out, nil
}

func (h *Handler) showRepo(_ context.Context, req *NameRequest) (*Repo, error) {
	r, _, err := h.st.State(req.moment())
	if err != nil {
		return nil, err
	}
	repo, err := state.GetRepo(r, req.Name)
	if err != nil {
		return nil, err
	}
	v, err := repoOf(r, repo)
	return &v, err
}

func (h *Handler) removeRepo(ctx context.Context, req *RemoveRequest) (*Change, error) {
	return changed(h.st.RemoveRepo(ctx, who(ctx, req.Why), req.Name))
}

// repoOf makes what requests show of a repo.
func repoOf(r state.Reader, repo state.Repo) (Repo, error) {
	v := Repo{Name: repo.Name, Created: changeOf(repo.Created), Changed: changeOf(repo.Changed), Latest: repo.Latest}
	for s, err := range state.Snapshots(r, repo.Name) {
		if err != nil {
			return v, err
		}
		v.List = append(v.List, snapshotOf(s))
	}
	v.Snapshots = len(v.List)
	return v, nil
}

// changed makes the answer to a change.
func changed(c state.Change, err error) (*Change, error) {
	if err != nil {
		return nil, err
	}
	v := changeOf(c)
	return &v, nil
}
