package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// distantFuture is after everything.
var distantFuture = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// testConcurrency: writers and readers at the same time; nothing is lost, and every reader
// sees whole batches.
func testConcurrency(t *testing.T, repo store.Repository) {
	const writers, batches, size = 4, 10, 20
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writing, reading sync.WaitGroup
	errs := make(chan error, writers+4)
	for w := range writers {
		writing.Go(func() {
			errs <- func() error {
				for b := range batches {
					records := make([]store.Record, size)
					for i := range records {
						records[i] = event(float64(b), "d", "ssh", "x", netip.AddrFrom4([4]byte{10, 0, 0, byte(w)}))
					}
					last, err := repo.Ingest(ctx, store.Batch{Records: records, Cursor: store.Cursor{Source: fmt.Sprint(w), Offset: int64(b + 1)}})
					if err != nil {
						return err
					}
					if last%size != 0 {
						return fmt.Errorf("last ID %d of a batch of %d", last, size)
					}
				}
				return nil
			}()
		})
	}
	done := make(chan struct{})
	for range 4 {
		reading.Go(func() {
			errs <- func() error {
				for {
					select {
					case <-done:
						return nil
					default:
					}
					n, err := repo.CountRecords(ctx, store.Filter{Search: "service:ssh"})
					if err != nil {
						return err
					}
					if n%size != 0 {
						return fmt.Errorf("%d records are visible, not whole batches of %d", n, size)
					}
					if _, err := repo.Records(ctx, store.Filter{Search: "ssh"}); err != nil {
						return err
					}
				}
			}()
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	close(errs)
	for err := range errs {
		noError(t, err)
	}
	equal(t, "totals", must(repo.Totals(t.Context()))(t), store.Totals{Records: writers * batches * size, Attackers: writers})
	equal(t, "maximum ID", must(repo.MaxRecordID(t.Context()))(t), writers*batches*size)
	for w := range writers {
		equal(t, "cursor", must(repo.Cursor(t.Context(), fmt.Sprint(w)))(t).Offset, batches)
	}
}

// testCancel: every method honours a context that has ended.
func testCancel(t *testing.T, repo store.Repository) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range call(ctx, repo) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want %v", name, err, context.Canceled)
		}
	}
	testEmpty(t, repo)
}

// call calls every method but Close with arguments that are right.
func call(ctx context.Context, repo store.Repository) map[string]error {
	errs := make(map[string]error)
	_, errs["Ingest"] = repo.Ingest(ctx, store.Batch{Records: []store.Record{event(0, "d", "s", "x", alice)}})
	_, errs["Cursor"] = repo.Cursor(ctx, "spool")
	_, errs["Records"] = repo.Records(ctx, store.Filter{})
	_, errs["CountRecords"] = repo.CountRecords(ctx, store.Filter{})
	_, errs["MaxRecordID"] = repo.MaxRecordID(ctx)
	_, errs["Histogram"] = repo.Histogram(ctx, store.Filter{}, time.Minute)
	_, errs["Rejected"] = repo.Rejected(ctx, 1)
	_, errs["Bounties"] = repo.Bounties(ctx, store.BountyFilter{})
	_, errs["CountBounties"] = repo.CountBounties(ctx, store.BountyFilter{})
	_, errs["Attackers"] = repo.Attackers(ctx, store.AttackerFilter{})
	_, errs["CountAttackers"] = repo.CountAttackers(ctx, store.AttackerFilter{})
	_, errs["Attacker"] = repo.Attacker(ctx, unknownUUID)
	_, _, errs["Commands"] = repo.Commands(ctx, unknownUUID, store.CommandFilter{})
	_, errs["ArtifactRecords"] = repo.ArtifactRecords(ctx, unknownUUID)
	_, errs["Profiles"] = repo.Profiles(ctx, []netip.Addr{alice})
	errs["FoldProfiles"] = repo.FoldProfiles(ctx, []store.Profile{profile(alice, 0, 1, nil, nil)}, 0, 1)
	_, errs["ProfiledThrough"] = repo.ProfiledThrough(ctx)
	_, errs["CreateUser"] = repo.CreateUser(ctx, store.User{Username: "amy"})
	_, errs["User"] = repo.User(ctx, unknownUUID)
	_, errs["UserByName"] = repo.UserByName(ctx, "amy")
	_, errs["Users"] = repo.Users(ctx)
	errs["SetPassword"] = repo.SetPassword(ctx, unknownUUID, "h", false)
	errs["SetRole"] = repo.SetRole(ctx, unknownUUID, store.RoleViewer)
	errs["DeleteUser"] = repo.DeleteUser(ctx, unknownUUID)
	errs["RevokeToken"] = repo.RevokeToken(ctx, "t", distantFuture)
	_, errs["TokenRevoked"] = repo.TokenRevoked(ctx, "t")
	_, errs["State"] = repo.State(ctx, store.FleetKey)
	errs["SetState"] = repo.SetState(ctx, store.FleetKey, []byte(`{}`))
	errs["SwapState"] = repo.SwapState(ctx, store.FleetKey, nil, []byte(`{}`))
	_, errs["Totals"] = repo.Totals(ctx)
	_, errs["Purge"] = repo.Purge(ctx, distantFuture)
	_, errs["PurgeOldest"] = repo.PurgeOldest(ctx, 1)
	_, errs["Size"] = repo.Size(ctx)
	errs["Ping"] = repo.Ping(ctx)
	return errs
}

// testCancelUnderLoad: batches that are cancelled at any moment are there as a whole or not
// at all, say which, and are in nobody's way.
func testCancelUnderLoad(t *testing.T, repo store.Repository) {
	const size = 100
	rnd := rand.New(rand.NewPCG(3, 4))
	records := make([]store.Record, size)
	for i := range records {
		records[i] = event(float64(i), "d", "ssh", "x", alice, decnet.F("k", "v"))
	}
	// How long one batch takes says when to cancel.
	begin := time.Now()
	ingest(t, repo, records...)
	took := time.Since(begin)
	written := 1
	for range 25 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.Int64N(int64(took)*3/2)))
		_, err := repo.Ingest(ctx, store.Batch{Records: records, Cursor: store.Cursor{Source: "s", Offset: int64(written + 1)}})
		cancel()
		switch {
		case err == nil:
			written++
		case !errors.Is(err, context.DeadlineExceeded):
			t.Fatal(err)
		}
		equal(t, "records", must(repo.Totals(t.Context()))(t).Records, written*size)
		if written > 1 {
			equal(t, "cursor", must(repo.Cursor(t.Context(), "s"))(t).Offset, int64(written))
		}
	}
	ingest(t, repo, records...)
	equal(t, "counted records", must(repo.CountRecords(t.Context(), store.Filter{Search: "service:ssh"}))(t), (written+1)*size)
	t.Logf("%d of 25 batches were written before they were cancelled", written-1)
}

func testClose(t *testing.T, repo store.Repository) {
	noError(t, repo.Close())
	noError(t, repo.Close())
	for name, err := range call(t.Context(), repo) {
		if err == nil {
			t.Errorf("%s: no error after Close", name)
		}
	}
}

// testCloseUnderLoad: Close waits for what is running.
func testCloseUnderLoad(t *testing.T, repo store.Repository) {
	records := make([]store.Record, 100)
	for i := range records {
		records[i] = event(float64(i), "d", "ssh", "x", alice)
	}
	var wg sync.WaitGroup
	running := make(chan struct{}, 8)
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := repo.Ingest(context.Background(), store.Batch{Records: records}); err != nil {
					return
				}
				if _, err := repo.Records(context.Background(), store.Filter{}); err != nil {
					return
				}
				select {
				case running <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 8 {
		<-running
	}
	noError(t, repo.Close())
	wg.Wait()
}
