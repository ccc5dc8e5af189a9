// Package merge decides which RPMs a view holds. It is pure: no I/O, no clock, no map order; equal inputs give equal
// results whatever the order in which they arrive. It knows tags, builds and RPMs as plain values and nothing of how they are stored.
//
// The rules are Koji's (kojihub/kojihub.py: readFullInheritanceRecurse, readPackageList, readTaggedBuilds, readTaggedRPMS):
//
//  1. Order: the tag itself, then its parents by priority, depth first; a parent comes before its own parents. A tag already on
//     the path is passed over, and so is one that an earlier visit suffices for (Order). Links may limit depth, count for their own
//     tag alone, and let only packages pass whose names match a pattern: anchored at the start, every pattern on the way.
//  2. Package list (PackageList): the first tag in the order that has an entry for a package lists or blocks it, for the
//     whole view: a block in a child hides the parent's builds, an entry in a child that lists it shows them again. A package of
//     which no tag has an entry is listed by an open tag that has a build of it. Builds of other packages are not seen. Koji
//     knows no open tags; where all are listed, this is its rule.
//  3. Builds: in the order of tags, inside a tag the most recently tagged first (of two tagged in one event, the one with the
//     greater build id), the first build of each package wins, or the first N, or all that are (BuildRules.Latest). Never the highest version.
//  4. RPMs: the build is the unit. A winner gives all its RPMs of the view's arch, and noarch ones; a loser gives none. Of external repos
//     the same RPMs are looked at (Placement): what else a tag puts into its views, or into views of their own, is its setting.
//  5. Of several signed copies of one RPM the one is taken that the first of the wanted keys signed; then one signed by any other
//     key, then the unsigned one; of equals the one with the smallest digest. Where signatures are required, a view that would
//     hold another than a wanted one is none.
//
// # Where the default differs from Koji's hub
//
// A tag may ask for what the hub and mergerepo_c do (koji in Order, Builds and Rules; vrepofs tag set --compat koji):
//
//	matter                            default                            koji (function of kojihub.py)
//	noconfig on a link                concerns that link                 also its later siblings, when visits are compared
//	                                                                     (readFullInheritanceRecurse)
//	maxdepth N below a limited link   N levels, or what the limit        one less than that (readFullInheritanceRecurse);
//	                                  leaves if that is less             without a limit above it is N here too
//	pkg_filter                        what does not match is not         concerns the package list: the build is seen if
//	                                  inherited through the link         another way lists the package (readPackageList)
//	latest N, a build in two tags     takes one of the N places          takes two (readTaggedBuilds)
//	latest N beside external repos    all of them stay                   the builds' source keeps what its mode keeps: of
//	                                                                     versions of a source package the highest
//	koji source, highest version      by epoch too, as far as packages   by the file name of the source RPM, which has no epoch
//	of a source package               tell it                            (mergerepo_c, koji.c: koji_stuff_prepare)
//	what claims a source package      packages of the view's arch,       packages of any arch; source RPMs claim nothing
//	                                  source RPMs among them             (the same)
//	blocks                            in every mode                      in koji and simple, not of source RPMs (koji_allowed)
//	package of two required groups    once in the group that requires    once for each of them (koji/__init__.py, generate_comps)
//	                                  both
//	module streams of a source        come whole or not at all           not known: packages as any others
//	other metadata                    the first source's, every type     the same. mergerepo_c itself merges modules, writes advisories
//	                                                                     that are empty, and drops other types (mergerepo_c.c)
//	python's re                       RE2: no look-around and no         -
//	                                  back references, refused when
//	                                  the link is made
//
// # Packages of several sources
//
// Packages joins the packages of a tag's builds and of external repos, each source with a mode of its own: Koji's three, and
// mergerepo_c's methods (Mode). A source of any mode claims its source packages; a source of ModeKoji gives only what none
// before it has claimed. The builds' source, where a tag asks for several builds of a package (Repo.Several), claims all of them, and they do
// not compete with each other. Where all sources have one mode and koji is asked for, the result is mergerepo_c's for the same arches: with
// multilib those that it takes for -a x86_64. Modules, advisories and what else there is are not merged yet: of
// each kind the first source's come as they are.
//
// # Groups
//
// ResolveGroups joins the groups of tags as Koji's hub does. What links limit but for depth and intransitivity does not concern groups,
// here and there: neither pkg_filter, whose packages are source packages, nor noconfig (get_tag_groups). Beyond Koji's there are
// translations, environments and categories; the field exported, which generate_comps does not look at, is not here. A tag that defines
// a group again shows it although a parent blocks it, without --force.
//
// # Arches
//
// Placement says which RPMs belong to which of a tag's views, of builds and of external repos by one rule. What differs from Koji is
// a setting of the tag (vrepofs tag set --arch, --multilib, --with-source, --debuginfo), and --compat koji does not change it:
//
//	matter                            here                               Koji (function), mergerepo_c (function)
//	views of a tag                    its own, inherited from nobody:    the build tag's own, too (repo_init); getBuildConfig, where
//	                                  noconfig matters to no view        noconfig counts for arches, is not asked for repositories
//	subarches in a view               canonArch's families               the same for builds (repo_init); of a merge a list without
//	                                                                     ppc64p7 and armv6hl (append_arch)
//	i386 in x86_64, ppc in ppc64,     as --multilib says                 from external repos always (append_multilib_arch), of builds
//	s390 in s390x                                                        only in a dist-repo, by python-multilib and what dnf solves
//	amd64 and geode                   with multilib, in x86_64           in x86_64, if from external repos (append_arch)
//	source RPMs                       in src; --with-source: in all      separate_src: in src; src: in all (repo_init)
//	nosrc                             as src                             nowhere (repo_init)
//	debuginfo                         where it is; with a view           dropped from builds unless opts.debuginfo (repo_init), apart
//	                                  ARCH-debug there alone;            in a dist-repo with --split-debuginfo; that of external repos
//	                                  --debuginfo=false: nowhere else    is where it is
//
// A debug view is the selection of its arch, divided: debuginfo that an external repo has comes only with the packages that it is of.
//
// # Module streams
//
// The packages of a module stream (Package.Streams) were built for each other. So a stream of a source, by its name, stream, version and context,
// comes whole or not at all, and all streams of one source come beside each other, whatever their versions. A package in several streams
// comes if one of them does. What a stream has in the view's arch counts; the builds of tags are chosen by tags and are not asked for streams.
//
//	a stream stays out, in sources of mode                                      koji  repo  ts, nvr  simple, bare, all
//	  when a source package of it is blocked (StreamBlocked)                    yes   yes   yes      yes
//	  when the view's modules metadata, that of the first source that has any,
//	  does not describe it, and its own source's does (StreamHidden)            yes   yes   yes      no: they bring all there is
//	  when a source package of it comes from a source before, in other
//	  source RPMs (StreamClaimed)                                               yes   no    no       no
//	  when a source before has given a package of a name and arch that it has
//	  in another version (StreamNamed)                                          no    yes   no       no
//
// A stream that comes claims all its source packages. Other packages of its source RPMs, such as those with debugging information, which
// documents do not list, go with it in ModeKoji. Of the same package in the same version from a source before it one is taken; that splits
// nothing. In ModeTS and ModeNVR packages of streams and others do not compete: to a client they are two worlds, and what an enabled stream
// has hides the rest. In ModeRepo the first source has the name.
package merge
