package merge

// Link is one parent of a tag. Links of a tag are given by ascending priority.
type Link struct {
	Parent string
}

// Order returns the full inheritance order of a tag, the tag itself first. parents gives the links of a tag by priority;
// its errors end the walk. A loop is cut where it would come back to a tag on the path, as Koji does.
func Order(tag string, parents func(tag string) ([]Link, error)) ([]string, error) {
	var order []string
	seen := map[string]bool{}
	var walk func(tag string) error
	walk = func(tag string) error {
		// Without depth limits and filters an earlier visit is always sufficient (readFullInheritanceRecurse), so a tag on the
		// path and a tag already listed are one case.
		seen[tag] = true
		order = append(order, tag)
		links, err := parents(tag)
		if err != nil {
			return err
		}
		for _, l := range links {
			if !seen[l.Parent] {
				if err := walk(l.Parent); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return order, walk(tag)
}
