package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vrepofs/ctl"
)

func (a *app) tagNoun() *cobra.Command {
	noun := &cobra.Command{
		Use:   "tag",
		Short: "Tags: lists of builds with inheritance, shown as merged repositories",
		Long: `A tag holds builds and inherits from other tags. For each of its arches tags/TAG/ARCH in the mount is a repository:
of every package the build of the nearest tag, inside one tag the one tagged last; blocked packages are left out. A tag
takes builds of the packages in its package list, which it inherits, too; an open tag takes all.`,
		Example: `  vrepofs tag create base --arch x86_64 --open
  vrepofs tag create dev --arch x86_64
  vrepofs tag inherit add dev base --priority 10
  vrepofs tag add base zlib-1.3.1-4.el9
  vrepofs tag show dev --inherited`,
	}
	noun.AddCommand(a.tagCreate(), a.tagSet(), a.tagDelete(), a.tagList(), a.tagShow(),
		a.tagAdd(),
		a.tagItems("remove", "NVR", "Take builds out of a tag",
			"Takes builds out of a tag, all in one event. What the tag inherits stays.",
			"  vrepofs tag remove dev zlib-1.3.1-5.el9", (*ctl.Client).UntagBuilds),
		a.tagItems("block", "PACKAGE", "Keep packages out of a tag and of all that inherit from it",
			"Keeps packages, given by the name of their source package, out of a tag's views and of those that inherit from it.",
			"  vrepofs tag block dev python2", (*ctl.Client).Block),
		a.tagItems("unblock", "PACKAGE", "Let packages in again, also those that a parent blocks",
			"Lets packages in again: lists them in the tag, which overrides the block of a tag that it inherits from.",
			"  vrepofs tag unblock dev python2", (*ctl.Client).Unblock),
		a.packageNoun(),
		a.tagWhy(), a.tagDiff(), a.tagConflicts(), a.inheritNoun(), a.externalNoun(), a.groupNoun())
	noun.AddCommand(a.tagHistory(), a.tagWait(), a.tagMove(), a.tagClone(), a.tagExport())
	return noun
}

func (a *app) tagCreate() *cobra.Command {
	var arches, keys []string
	var required, open bool
	var inherit, until string
	cmd := a.changes(&cobra.Command{
		Use:   "create TAG {--arch ARCH… | --inherit BASE} [FLAGS]",
		Short: "Make an empty tag",
		Long: `Makes an empty tag with a view, tags/TAG/ARCH in the mount, for each arch. noarch packages are in every view; the
arch src is a view of the source RPMs, and x86_64-debug one of the debuginfo that x86_64 then has not.

The tag takes builds of the packages in its package list (vrepofs tag package --help), those in the list of what it inherits
from, too. With --open it takes builds of any package.

A side tag is made in one step: --inherit BASE, whose views it has (arches, multilib, sources, debuginfo, --latest) if no
arches are given, and --until, after which the daemon removes it. A tag that others inherit from stays as long as they do, and vrepofs
status says so.`,
		Example: `  vrepofs tag create dev --arch x86_64
  vrepofs tag create scratch --arch x86_64 --open
  vrepofs tag create release --arch x86_64,src --keys 6B63CAB6630C11E0 --require-signed
  vrepofs tag create dev-side-4711 --inherit dev --until 36h`,
		Args: exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := ctl.CreateTagRequest{Name: args[0], Arches: commaList(arches), Keys: commaList(keys), RequireSigned: required, Listed: !open}
			if cmd.Flags().Changed("inherit") {
				p, err := parentOf(cmd, inherit)
				if err != nil {
					return err
				}
				req.Inherit = []ctl.Parent{p}
			}
			if cmd.Flags().Changed("until") {
				u, err := untilFlag(cmd, until)
				if err != nil {
					return err
				}
				req.Until = &u
			}
			if len(arches) == 0 && req.Inherit == nil {
				return wrong(cmd, "--arch is missing: which arches shall tag %s show? (with --inherit BASE: those of BASE)", args[0])
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				req.Why = why
				return c.CreateSignedTag(cmd.Context(), req)
			})
		},
	})
	cmd.Flags().StringArrayVar(&arches, "arch", nil, "`ARCH` of a view; may be repeated or separated by commas")
	cmd.Flags().BoolVar(&open, "open", false, "take builds of any package, listed or not")
	cmd.Flags().StringVar(&inherit, "inherit", "", "inherit from `BASE[:PRIORITY]`; the priority is 10 if none is given")
	cmd.Flags().StringVar(&until, "until", "", "remove it after `TIME`: 36h or 7d from now, or a UTC time such as 20261201T000000Z")
	signatureFlags(cmd, &keys, &required)
	return cmd
}

// commaList takes what was given by several flags and by commas apart; nil for nothing. Not pflag's slices: those are CSV, which
// drops what follows a newline.
func commaList(values []string) []string {
	all := strings.Join(values, ",")
	if all == "" {
		return nil
	}
	return strings.Split(all, ",")
}

func signatureFlags(cmd *cobra.Command, keys *[]string, required *bool) {
	cmd.Flags().StringArrayVar(keys, "keys", nil, "take of signed copies those signed by these, the first `KEY` before the next")
	cmd.Flags().BoolVar(required, "require-signed", false, "refuse what is signed by none of the --keys or, without keys, by nobody")
}

func (a *app) tagSet() *cobra.Command {
	var m ctl.Metadata
	var keys []string
	var required, origins, open bool
	var compat, until, latest string
	var contents contentsFlags
	cmd := a.changes(&cobra.Command{
		Use:   "set TAG [FLAGS]",
		Short: "Say what a tag's views hold, how they are written and which signatures they want",
		Long: `Says how the metadata (repodata) of a tag's own views is written from now on, and which signed copies of packages they
take; tags that inherit from it have their own setting. Of --compress and --changelogs what is not given goes back to its
default, unless only other things are set. --pkgorigins, --keys and --require-signed stay until they are given again (--keys "" ends them).

A KEY is a fingerprint or its last 16 or 8 digits, as rpm -qp --qf '%{RSAHEADER:pgpsig}' shows it; vrepofs goes by what
the package says and leaves it to clients to verify signatures. Without --require-signed, packages signed by none of the
keys are taken too, signed ones first. With it, what would show them is refused, and names them; when a tag that it
inherits from brings them, the tag's name in the mount stays on the generation before.

--pkgorigins puts a file of metadata beside primary that says where each package comes from, one line for each, as Koji's
does: NAME-VERSION-RELEASE.ARCH, a tab, and SITE/tags/TAG/ of the tag that has the build, or SITE/repos/REPO/ID/ of an
external repo. SITE is the first URL of vrepofs site show; without one it is "vrepofs:".

--open lets the tag take builds of any package. --open=false closes it: it takes builds of the packages in its package list,
to which those of the builds are added that it has.

--latest is how many builds of each package its views hold: those that would be next if the first were not there. Beside
external repos, too, all of them are shown, unless --compat koji lets mergerepo_c's rule pick one.

` + contentsHelp,
		Example: `  vrepofs tag set dev --compress zstd --changelogs 3
  vrepofs tag set dev                                   # back to gzip and 10
  vrepofs tag set release --keys 6B63CAB6630C11E0,FD431D51 --require-signed
  vrepofs tag set release --require-signed=false
  vrepofs tag set dev --pkgorigins
  vrepofs tag set scratch --open
  vrepofs tag set archive --latest all
  vrepofs tag set dev --arch x86_64,x86_64-debug,src --multilib all`,
		Args: exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var set ctl.TagSettings
			if cmd.Flags().Changed("keys") {
				list := append([]string{}, commaList(keys)...) // not nil, which would say nothing
				set.Keys = &list
			}
			if cmd.Flags().Changed("require-signed") {
				set.RequireSigned = &required
			}
			if cmd.Flags().Changed("pkgorigins") {
				set.PkgOrigins = &origins
			}
			if cmd.Flags().Changed("latest") {
				n, err := strconv.ParseInt(latest, 10, 32)
				if latest == "all" {
					n, err = -1, nil
				}
				if err != nil || n == 0 || n < -1 || n == -1 && latest != "all" {
					return wrong(cmd, "--latest %s: want a number from 1 on, or all", latest)
				}
				number := int(n)
				set.Latest = &number
			}
			if cmd.Flags().Changed("open") {
				listed := !open
				set.Listed = &listed
			}
			if cmd.Flags().Changed("until") {
				u, err := untilFlag(cmd, until)
				if err != nil {
					return err
				}
				set.Until = &u
			}
			switch {
			case !cmd.Flags().Changed("compat"):
			case compat == "koji" || compat == "none":
				koji := compat == "koji"
				set.Koji = &koji
			default:
				return wrong(cmd, "--compat %s: want koji or none", compat)
			}
			if err := contents.put(cmd, &set); err != nil {
				return err
			}
			if set == (ctl.TagSettings{}) || cmd.Flags().Changed("compress") || cmd.Flags().Changed("changelogs") {
				set.Metadata = &m
			}
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.SetTag(cmd.Context(), why, args[0], set)
			})
		},
	})
	metadataFlags(cmd, &m)
	signatureFlags(cmd, &keys, &required)
	contents.add(cmd)
	cmd.Flags().BoolVar(&origins, "pkgorigins", false, "put Koji's pkgorigins.gz into the metadata: the source of each package")
	cmd.Flags().BoolVar(&open, "open", false, "take builds of any package, listed or not; =false: of listed ones")
	cmd.Flags().StringVar(&latest, "latest", "", "show `N` builds of each package, or all; 1 if it was never set")
	cmd.Flags().StringVar(&until, "until", "", "remove the tag after `TIME`: 36h or 7d from now, or a UTC time; none: keep it")
	cmd.Flags().StringVar(&compat, "compat", "", "select as `WHAT` does where our default differs: koji (its hub and mergerepo_c), or none")
	return cmd
}

func (a *app) tagDelete() *cobra.Command {
	return a.changes(&cobra.Command{
		Use:     "delete TAG [FLAGS]",
		Short:   "Delete a tag that no other inherits from",
		Long:    "Deletes a tag that no other inherits from. Its builds stay, and earlier events still show it.",
		Example: `  vrepofs tag delete scratch`,
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), func(c *ctl.Client, why ctl.Why) (*ctl.Change, error) {
				return c.DeleteTag(cmd.Context(), why, args[0])
			})
		},
	})
}

func (a *app) tagList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "list [FLAGS]",
		Short: "List tags",
		Long: `Lists all tags: how many builds each has itself, the event at which it or anything that it inherits from last
changed, when it ends if it does, its arches, and what it inherits from.`,
		Example: "  vrepofs tag list\n  vrepofs tag list --at 20261121T043000Z",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(c *ctl.Client) error {
				v, err := c.ListTags(cmd.Context(), a.moment())
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(v.Tags)
				}
				t := newTable("TAG", "BUILDS", "EVENT", "UNTIL", "ARCHES", "INHERITS")
				for _, tag := range v.Tags {
					t.add(tag.Name, tag.Count, tag.Generation.Event, showTime(tag.Until), strings.Join(tag.Arches, " "), orDash(parentNames(tag.Inherit)))
				}
				t.print(a.out, "no tags; vrepofs tag create TAG --arch ARCH makes one")
				for _, tag := range v.Tags {
					a.warnHeld(tag)
				}
				return nil
			})
		},
	})
}

// warnHeld says that a tag's name stays behind.
func (a *app) warnHeld(t ctl.Tag) {
	if t.Held != "" {
		fmt.Fprintf(a.talk, "vrepofs: tags/%s in the mount stays on an older generation: %s\n", t.Name, t.Held)
	}
}

func parentNames(parents []ctl.Parent) string {
	var names []string
	for _, p := range parents {
		names = append(names, p.Tag)
	}
	return strings.Join(names, " ")
}

func (a *app) tagShow() *cobra.Command {
	var inherited bool
	cmd := a.reads(&cobra.Command{
		Use:   "show TAG[@MOMENT] [FLAGS]",
		Short: "Show a tag with its builds",
		Long: `Shows a tag with its builds and what became of each in its views: chosen, or why not. farther: a nearer tag has a
build of the package; older: one was tagged later; blocked: the package is blocked. TAG@MOMENT is the tag as of an
event, a label or a time.`,
		Example: "  vrepofs tag show dev\n  vrepofs tag show dev --inherited    # the builds of its parents too\n  vrepofs tag show dev@17",
		Args:    exactly("TAG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ofTag(a, cmd, args[0], func(c *ctl.Client, name string) (*ctl.Tag, error) {
				return c.ShowTag(cmd.Context(), a.moment(), name, inherited)
			}, func(t *ctl.Tag) {
				a.showTag(t, inherited)
			})
		},
	})
	cmd.Flags().BoolVar(&inherited, "inherited", false, "with the builds of the tags that it inherits from")
	return cmd
}

// nameAt splits "TAG@MOMENT".
func (a *app) nameAt(cmd *cobra.Command, arg string) (string, error) {
	name, at, found := strings.Cut(arg, "@")
	if found && a.at != "" {
		return "", wrong(cmd, "%s and --at both name a moment", arg)
	}
	if found {
		a.at = at
	}
	return name, nil
}

// ofTag asks something about "TAG@MOMENT" and shows the answer: as JSON if that is wanted, else by show.
func ofTag[T any](a *app, cmd *cobra.Command, arg string, ask func(c *ctl.Client, name string) (T, error), show func(T)) error {
	name, err := a.nameAt(cmd, arg)
	if err != nil {
		return err
	}
	return a.with(cmd.Context(), func(c *ctl.Client) error {
		v, err := ask(c, name)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(v)
		}
		show(v)
		return nil
	})
}

// showMetadata is "" for the default.
func showMetadata(m ctl.Metadata) string {
	var out []string
	if m.Compress != "" {
		out = append(out, m.Compress)
	}
	switch {
	case m.Changelogs < 0:
		out = append(out, "change log entries: all")
	case m.Changelogs > 0:
		out = append(out, fmt.Sprintf("change log entries: %d", m.Changelogs))
	}
	return strings.Join(out, ", ")
}

func (a *app) showTag(t *ctl.Tag, inherited bool) {
	var parents []string
	for _, p := range t.Inherit {
		parents = append(parents, fmt.Sprintf("%s (priority %d)", p.Tag, p.Priority))
	}
	var externals []string
	for _, e := range t.Externals {
		s := fmt.Sprintf("%s (priority %d, %s", e.Repo, e.Priority, e.Mode)
		if len(e.Arches) > 0 {
			s += ", for " + strings.Join(e.Arches, " ")
		}
		externals = append(externals, s+")")
	}
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(a.out, "%-10s %s\n", name, strings.Join(wrap(value, width-11), "\n           "))
		}
	}
	field("tag", t.Name)
	field("arches", strings.Join(t.Arches, " "))
	field("created", fmt.Sprintf("%s  event %d", showTime(t.Created.Time), t.Created.Event))
	field("views of", fmt.Sprintf("%s  event %d", showTime(t.Generation.Time), t.Generation.Event))
	if !t.Until.IsZero() {
		field("until", showTime(t.Until))
	}
	field("inherits", strings.Join(parents, ", "))
	field("external", strings.Join(externals, ", "))
	field("metadata", showMetadata(t.Metadata))
	field("keys", strings.Join(t.Keys, " "))
	if t.RequireSigned {
		field("signed", "required")
	}
	if t.PkgOrigins {
		field("origins", "in pkgorigins.gz")
	}
	if t.Koji {
		field("compat", "koji")
	}
	field("holds", showContents(t.Contents))
	switch {
	case t.Latest < 0:
		field("latest", "all builds")
	case t.Latest > 1:
		field("latest", fmt.Sprintf("%d builds of each package", t.Latest))
	}
	if t.Groups > 0 {
		field("groups", fmt.Sprint(t.Groups))
	}
	field("blocked", strings.Join(t.Blocked, " "))
	if t.Listed {
		field("packages", fmt.Sprintf("listed, %d by this tag (vrepofs tag package list %s)", len(t.Unblocked), t.Name))
	} else {
		field("unblocked", strings.Join(t.Unblocked, " "))
	}
	a.showOthers(t.Others)
	if len(t.Pinned) > 0 {
		a.showPinned(t.Pinned...)
	}
	fmt.Fprintln(a.out)
	head := []string{"BUILD", "TAGGED (EVENT)", "IN VIEWS"}
	if inherited {
		head = []string{"BUILD", "TAGGED (EVENT)", "BY", "IN VIEWS"}
	}
	rows := newTable(head...)
	for _, b := range t.Builds {
		if inherited {
			rows.add(b.NVR, b.Event, b.Tag, b.Verdict)
		} else {
			rows.add(b.NVR, b.Event, b.Verdict)
		}
	}
	rows.print(a.out, "no builds of its own")
	if len(t.Builds) > 0 {
		fmt.Fprintln(a.talk, "of a package, what comes first wins: the nearest tag, in one tag what was tagged last")
	}
	a.warnHeld(*t)
}
