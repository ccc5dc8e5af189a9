package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
	"vrepofs/state"
)

func (a *app) siteNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "site",
		Short: "The site: under which URLs clients reach the mount",
		Long: `Once it is known under which URL the root of the mount can be reached, each repository has two small files beside it,
NAME.repo and NAME.mirrorlist, that name its immutable path at/EVENT/…: a client that goes by NAME.repo reads one generation,
however often the name moves meanwhile. NAME.mirrorlist follows the name: the newest generation first, then up to three
earlier ones for who has their metadata. URLs in them are absolute: dnf resolves no relative ones.`,
		Example: `  vrepofs site set https://mirror.example.org/repos
  vrepofs site show
  curl https://mirror.example.org/repos/tags/dev/x86_64.repo >/etc/yum.repos.d/dev.repo`,
	}
	noun.AddCommand(a.siteSet(), a.siteUnset(), a.siteShow())
	return noun
}

func (a *app) siteSet() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "set URL… [FLAGS]",
		Short: "Say under which URLs the root of the mount can be reached",
		Long: `Says under which URLs clients reach the root of the mount, the preferred first, and writes the files beside all
repositories anew, in one event. What is below each URL must have at/ too: a mirror of a part has not. dnf puts its
variables ($name, from /etc/dnf/vars) into URLs, so one may leave the host to the client. A channel path that is
served elsewhere is told so by vrepofs channel configure PATH --site URL.`,
		Example: `  vrepofs site set https://mirror.example.org/repos
  vrepofs site set https://eu.example.org/repos https://us.example.org/repos
  vrepofs site set 'https://$mirror/repos'
  vrepofs site set file:///srv/repos                  # the mount itself, on this host or by NFS`,
		Args: atLeast("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.SetSite(cmd.Context(), why, args)
			})
		},
	})
}

func (a *app) siteUnset() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:     "unset [FLAGS]",
		Short:   "Take the site away, and the files beside repositories",
		Long:    "Takes the site away, and with it the files beside all repositories, but for channel paths with a site of their own.",
		Example: "  vrepofs site unset --note \"the mirror moves\"",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.SetSite(cmd.Context(), why, nil)
			})
		},
	})
}

func (a *app) siteShow() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:     "show [FLAGS]",
		Short:   "Show under which URLs the mount can be reached",
		Long:    "Shows under which URLs the root of the mount can be reached, and since when.",
		Example: "  vrepofs site show",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				s, err := c.Site(cmd.Context(), a.moment())
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(s)
				}
				for _, u := range s.URLs {
					fmt.Fprintf(a.out, "url        %s\n", u)
				}
				if len(s.URLs) == 0 {
					fmt.Fprintln(a.out, "none; vrepofs site set URL says under which URL clients reach the mount")
				}
				if s.Changed != nil {
					fmt.Fprintf(a.out, "changed    %s  event %d\n", showTime(s.Changed.Time), s.Changed.Event)
				}
				return nil
			})
		},
	})
}

// showPinned prints where the files of repositories are, or how to have some.
func (a *app) showPinned(list ...ctl.Pinned) {
	for _, p := range list {
		fmt.Fprintf(a.out, "%-10s %s\n%-10s %s\n", "repo", p.Repo, "list", p.Mirrorlist)
		for _, u := range p.BaseURLs {
			fmt.Fprintf(a.out, "%-10s %s\n", "pinned", u)
		}
	}
	if len(list) == 0 {
		fmt.Fprintf(a.out, "%-10s %s\n", "urls", "none; vrepofs site set URL says under which URL clients reach the mount")
	}
}

// siteSetting is the site of a channel path.
func siteSetting() setting {
	return setting{"site", func(cmd *cobra.Command) func() (json.RawMessage, error) {
		urls := cmd.Flags().StringArray("site", nil, "`URL` of the mount's root for clients of the path; may be repeated; none: no files that name it")
		return func() (json.RawMessage, error) {
			list := *urls
			if len(list) == 1 && list[0] == "none" {
				list = []string{}
			}
			return json.Marshal(list)
		}
	}, func(s state.Settings) string {
		switch {
		case s.Site == nil:
			return ""
		case len(*s.Site) == 0:
			return "none"
		}
		return strings.Join(*s.Site, " ")
	}}
}
