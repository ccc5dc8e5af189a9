package state

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"

	"vrepofs/pinned"
)

// Site says under which URLs the root of the mount can be reached.
type Site struct {
	URLs    []string `json:"urls"`    // "https://mirror.example.org/repos", the preferred first; none: it cannot be
	Changed Change   `json:"changed"` // when they last changed, also to none
}

// siteRow is the one row of TableSite.
const siteRow = "site"

// maxSites is how many URLs a site may have.
const maxSites = 8

// GetSite returns the site; the zero Site when none was ever set.
func GetSite(r Reader) (Site, error) {
	s, err := get[Site](r, TableSite, "site", siteRow)
	if errors.Is(err, iofs.ErrNotExist) {
		return Site{}, nil
	}
	return s, err
}

// SetSite says under which URLs the root of the mount can be reached; none: it cannot be. ErrConflict when it says so already.
func SetSite(tx Tx, urls []string) error {
	urls, err := checkSites(urls)
	if err != nil {
		return err
	}
	was, err := GetSite(tx)
	if err != nil {
		return err
	}
	if slices.Equal(was.URLs, urls) {
		return fmt.Errorf("the site is that already: %w", ErrConflict)
	}
	tx.Put(TableSite, siteRow, encode(Site{URLs: urls, Changed: now(tx)}))
	return nil
}

// checkSites returns the URLs in their usual form.
func checkSites(urls []string) ([]string, error) {
	if len(urls) > maxSites {
		return nil, fmt.Errorf("%d sites: want at most %d: %w", len(urls), maxSites, iofs.ErrInvalid)
	}
	out := make([]string, 0, len(urls))
	for _, u := range urls {
		u, err := pinned.CheckSite(u)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, u) {
			return nil, fmt.Errorf("site %s is given twice: %w", u, iofs.ErrInvalid)
		}
		out = append(out, u)
	}
	return out, nil
}

// SitesAt returns the URLs by which clients of a channel path are to reach the root of the mount: those that the path or one above it
// is configured to have, or else those of the site.
func SitesAt(r Reader, path string) ([]string, error) {
	s, err := SettingsAt(r, path)
	if err != nil {
		return nil, err
	}
	if s.Site != nil {
		return *s.Site, nil
	}
	site, err := GetSite(r)
	return site.URLs, err
}

// checkNotPinned refuses the name of a view that is the name of another's pinned file.
func checkNotPinned(noun, name string) error {
	if _, k, ok := pinned.Beside(name); ok {
		return fmt.Errorf("%s %s: names that end in %s are those of files beside views: %w", noun, name, k, iofs.ErrInvalid)
	}
	return nil
}
