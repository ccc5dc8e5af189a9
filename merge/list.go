package merge

// Entry is what the package list of a view says of a package.
type Entry struct {
	Tag      string // that says so
	Blocked  bool
	Implicit bool // no tag has an entry: Tag is open and has a build of it
}

// PackageList is the package list of a view: what it says of each package that it has. The first entry of a tag in the order, past
// its filters, decides for the whole view: it blocks the package or lists it. A package without any entry is listed by the first open
// tag of the order that has a build of it, past its filters. Builds of other packages are not seen.
func PackageList(sources []Source) map[string]Entry {
	list := explicitEntries(sources)
	for p, tag := range implicitEntries(sources) {
		if _, ok := list[p]; !ok {
			list[p] = Entry{Tag: tag, Implicit: true}
		}
	}
	return list
}

// BlockedPackages returns the source packages that the package list of a view blocks, for external repos. What it does not list
// does not concern them.
func BlockedPackages(sources []Source) map[string]bool {
	blocked := map[string]bool{}
	for p, e := range explicitEntries(sources) {
		if e.Blocked {
			blocked[p] = true
		}
	}
	return blocked
}

// explicitEntries has of each package the first entry in the order.
func explicitEntries(sources []Source) map[string]Entry {
	n := 0
	for i := range sources {
		n = max(n, len(sources[i].Packages))
	}
	list := make(map[string]Entry, n)
	for i := range sources {
		s := &sources[i]
		for p, blocked := range s.Packages {
			if _, ok := list[p]; !ok && s.passes(p) {
				list[p] = Entry{Tag: s.Tag, Blocked: blocked}
			}
		}
	}
	return list
}

// implicitEntries has of each package that an open tag holds a build of the first such tag in the order.
func implicitEntries(sources []Source) map[string]string {
	list := map[string]string{}
	for i := range sources {
		s := &sources[i]
		if s.Listed {
			continue
		}
		for j := range s.Builds {
			p := s.Builds[j].Package
			if _, ok := list[p]; !ok && s.passes(p) {
				list[p] = s.Tag
			}
		}
	}
	return list
}
