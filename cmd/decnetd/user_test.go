package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"

	"github.com/decnet/decnet/store"
	"github.com/decnet/decnet/store/sqlite"
)

// database makes an empty database and returns its DSN.
func database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "decnet.db")
	if _, err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// open opens the database of a DSN until the test ends.
func open(t *testing.T, dsn string) store.Repository {
	t.Helper()
	db, err := sqlite.Open(t.Context(), strings.TrimPrefix(dsn, "sqlite:"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// checkUser checks what is stored of an account.
func checkUser(t *testing.T, users store.Users, name, role, password string) {
	t.Helper()
	u, err := users.UserByName(context.WithoutCancel(t.Context()), name)
	if err != nil {
		t.Error(err)
		return
	}
	if u.Role != role || !u.MustChangePassword {
		t.Errorf("%s has the role %s and must change its password: %t", name, u.Role, u.MustChangePassword)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(u.PasswordHash), []byte(password)); err != nil {
		t.Errorf("%s does not have the password %q: %v", name, password, err)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	db := open(t, dsn)
	if out := succeed(t, "", "user", "list", "--db", dsn, "--json"); out != "[]\n" {
		t.Errorf("without accounts: %q", out)
	}

	if out := succeed(t, "correct horse\n", "user", "add", "ada", "--role", "admin", "--db", dsn); out != "" {
		t.Errorf("a password that was typed is printed: %q", out)
	}
	checkUser(t, db, "ada", store.RoleAdmin, "correct horse")

	out := succeed(t, "", "user", "add", "bob", "--db", dsn)
	m := regexp.MustCompile(`^password of bob: ([A-Z2-7]{26})\n$`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no generated password in %q", out)
	}
	checkUser(t, db, "bob", store.RoleViewer, m[1])

	refused(t, decnetd(t, "correct horse\n", "user", "add", "ada", "--db", dsn), exitFailed, `there is a user "ada" already`)
	refused(t, decnetd(t, "short\n", "user", "add", "eve", "--db", dsn), exitFailed, "a password has 8 to 72 bytes")
	refused(t, decnetd(t, strings.Repeat("x", 73)+"\n", "user", "passwd", "ada", "--db", dsn), exitFailed, "8 to 72 bytes")
	refused(t, decnetd(t, "battery staple\n", "user", "passwd", "eve", "--db", dsn), exitFailed, `there is no user "eve"`)
	refused(t, decnetd(t, "", "user", "delete", "eve", "--db", dsn), exitFailed, `there is no user "eve"`)

	succeed(t, "battery staple\r\n", "user", "passwd", "ada", "--db", dsn)
	checkUser(t, db, "ada", store.RoleAdmin, "battery staple")

	uuid := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	golden(t, "users.json", uuid.ReplaceAllString(succeed(t, "", "user", "list", "--db", dsn, "--json"), "UUID"))
	golden(t, "users.txt", succeed(t, "", "user", "list", "--db", dsn))

	refused(t, decnetd(t, "", "user", "delete", "ada", "--db", dsn), exitFailed, `"ada" is the only admin`)
	if out := succeed(t, "", "user", "passwd", "bob", "--json", "--db", dsn); !regexp.MustCompile(`^{\n +"username": "bob",\n +"password": "[A-Z2-7]{26}"\n}\n$`).MatchString(out) {
		t.Errorf("passwd --json prints %s", out)
	}
	if out := succeed(t, "", "user", "delete", "bob", "--json", "--db", dsn); !regexp.MustCompile(`^{\n +"username": "bob"\n}\n$`).MatchString(out) {
		t.Errorf("delete --json prints %s", out)
	}
	if out := succeed(t, "", "user", "list", "--db", dsn); strings.Contains(out, "bob") || !strings.Contains(out, "ada") {
		t.Errorf("after bob was deleted: %s", out)
	}
}

// TestPasswordIsNotEchoed types a password on a terminal.
func TestPasswordIsNotEchoed(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	tty, screen := terminal(t)
	status := make(chan int, 1)
	go func() {
		status <- run(t.Context(), []string{"user", "add", "ada", "--db", dsn}, streams{tty, tty, tty}, environment{}.get)
	}()
	screen.waitFor(t, "New password")
	waitForNoEcho(t, tty)
	screen.typeIn(t, "correct horse\n")
	if s := <-status; s != 0 {
		t.Errorf("status %d", s)
	}
	if shown := screen.text(); strings.Contains(shown, "horse") {
		t.Errorf("the screen shows %q", shown)
	}
	checkUser(t, open(t, dsn), "ada", store.RoleViewer, "correct horse")
}

// TestAPasswordThatIsNotTyped interrupts the question for one: the terminal shows again what is
// typed, and there is no account.
func TestAPasswordThatIsNotTyped(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	tty, screen := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"user", "add", "ada", "--db", dsn}, streams{tty, tty, io.MultiWriter(tty, &errs)}, environment{}.get)
	}()
	screen.waitFor(t, "New password")
	waitForNoEcho(t, tty)
	cancel()
	if s := <-status; s != exitFailed || !strings.HasSuffix(errs.String(), "decnetd: interrupted\n") {
		t.Errorf("status %d: %q", s, errs.String())
	}
	if mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS); err != nil || mode.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal does not show what is typed: %v", err)
	}
	screen.typeIn(t, "\n") // for whoever waits for it
	if out := succeed(t, "", "user", "list", "--db", dsn, "--json"); out != "[]\n" {
		t.Errorf("the accounts are %s", out)
	}
}

func TestUserOfSomethingElse(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "decnet.db", "this is a letter to a friend, and no database at all")
	refused(t, decnetd(t, "", "user", "list", "--db", "sqlite:"+path), exitFailed, path)
	if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), "this is a letter") {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
