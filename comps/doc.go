// Package comps reads and writes comps.xml: the groups of packages that a repository offers to install together, and the
// environments and categories that put groups together. It is pure and knows nothing of tags: which groups a view has is package merge's.
//
// It keeps more than Koji does, whose groups have neither translations nor environments nor categories, and less than a file may have:
// langpacks, blacklist, whiteout and whatever else Read meets are left out, and Read says so.
//
//	<comps>
//	  <group>
//	    <id>build</id>                                    what everything refers to
//	    <name>Build root</name>                           one plain, others with xml:lang
//	    <description>What each build has</description>
//	    <default>false</default>
//	    <uservisible>true</uservisible>                   true if there is none
//	    <packagelist>
//	      <packagereq type="mandatory">bash</packagereq>  mandatory (if nothing is said), default, optional, conditional
//	      <packagereq type="conditional" requires="glibc">nscd</packagereq>
//	    </packagelist>
//	    <grouplist>                                       Koji's: groups whose packages this one has, too
//	      <groupreq type="mandatory">core</groupreq>
//	    </grouplist>
//	  </group>
//	  <environment>…</environment> <category>…</category> lists of groups
//	</comps>
//
// Of elements and defaults it goes by libcomps (comps_parse.c), which dnf and Koji's import-comps read with, and of the order
// of elements by Koji (koji/__init__.py, generate_comps).
package comps
