package atomicdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Partial is a folder that is being filled, over as many runs of the program as that
// takes. It lies near its place under a name that begins with a dot.
type Partial struct {
	// Folder is what becomes the output folder, State a folder beside it for what a
	// later run needs to go on. Both may hold what an earlier run left.
	Folder, State string

	out, root string
	lock      *flock.Flock
}

// Continue opens the partial folder of out, a new one if there is none. It is an
// *Error if another process is at it. Call [Check] first, and Finish, Keep or Discard
// at the end.
func Continue(out string) (*Partial, error) {
	out, near := resolve(out)
	p := &Partial{out: out, root: filepath.Join(near, "."+filepath.Base(out)+".partial")}
	p.Folder, p.State = filepath.Join(p.root, "folder"), filepath.Join(p.root, "state")
	for _, folder := range []string{p.root, p.Folder, p.State} {
		if err := os.Mkdir(folder, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("making a temporary folder for %s: %w", out, err)
		}
	}
	p.lock = flock.New(filepath.Join(p.root, "lock"), flock.SetPermissions(0o666))
	switch mine, err := p.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("locking the temporary folder of %s: %w", out, err)
	case !mine:
		return nil, &Error{Path: out, Found: "another process that makes it", Expected: "one at a time"}
	}
	return p, nil
}

// Where returns the folder that the partial folder is in.
func (p *Partial) Where() string { return p.root }

// Finish syncs the folder and gives it its name. The partial folder is gone then.
func (p *Partial) Finish(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := place(p.Folder, p.out); err != nil {
		return err
	}
	return p.Discard()
}

// Keep leaves all for a later run.
func (p *Partial) Keep() error { return p.lock.Unlock() }

// Discard removes the partial folder.
func (p *Partial) Discard() error {
	if err := errors.Join(os.RemoveAll(p.Folder), os.RemoveAll(p.State), p.lock.Unlock(), os.RemoveAll(p.root)); err != nil {
		return fmt.Errorf("removing the temporary folder of %s: %w", p.out, err)
	}
	return nil
}
