package layout_test

import (
	"context"
	"testing"

	"vrepofs/layout"
	"vrepofs/store/storetest"
	"vrepofs/testrpm"
)

// TestBound: who asked what a name is bound to is woken by the commit that binds it anew, and not before the change is published.
func TestBound(t *testing.T) {
	s, ctx, who := storetest.New(t), t.Context(), storetest.Who()
	do := must(t)
	nvrs := storetest.Builds(t, s, testrpm.Spec{Name: "a"})
	do(s.CreateTag(ctx, who, "t", []string{"x86_64"}))
	l, err := layout.New(s)
	if err != nil {
		t.Fatal(err)
	}
	was, next := l.Bound("t")
	if absent, _ := l.Bound("absent"); absent.There || !was.There || was.Generation.Event != 2 {
		t.Fatalf("bound to %+v, an absent tag to %+v", was, absent)
	}
	do(s.TagBuilds(ctx, who, "t", nvrs)) // nobody publishes yet
	select {
	case <-next:
		t.Fatal("woken before the change was published")
	default:
	}
	if b, _ := l.Bound("t"); b != was {
		t.Errorf("bound to %+v before the change was published", b)
	}
	s.Publish(func(ctx context.Context) error { return l.Publish(ctx, nil) })
	do(s.Block(ctx, who, "t", true, []string{"x"}))
	<-next
	if b, again := l.Bound("t"); b.Generation.Event != 4 || again == next {
		t.Errorf("bound to %+v after two commits were published", b)
	}
}
