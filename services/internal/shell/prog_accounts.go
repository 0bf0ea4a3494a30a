package shell

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/decnet/decnet"
)

// promptSecret asks for a password without echo.
func (c *call) promptSecret(prompt string) (string, bool) {
	c.flush()
	if c.term != nil {
		c.term.echo(false)
		defer c.term.echo(true)
	}
	c.interp.write(2, prompt)
	s, ok := c.readLine(0, true)
	if c.term != nil {
		c.interp.write(2, "\n")
	}
	return s, ok
}

// credential reports a password that an attacker sets.
func (c *call) credential(user, password string) {
	c.sh.s.Emit("credential_change", decnet.F("username", user), decnet.F("password", password))
}

// setPassword makes password that of user, also for the next log-in.
func (c *call) setPassword(user, password string) {
	c.credential(user, password)
	c.setHash(user, c.sh.m.newHash(user, password))
}

// setHash puts a password hash into /etc/shadow.
func (c *call) setHash(user, hash string) {
	c.changeHash(user, func(string) string { return strings.NewReplacer(":", "", "\n", "").Replace(hash) })
}

// changeHash rewrites the password hash of user in /etc/shadow.
func (c *call) changeHash(user string, change func(old string) string) {
	b, err := (&Files{sh: c.sh}).read("/etc/shadow")
	if err != nil {
		return
	}
	rows := lines(b)
	for i, r := range rows {
		f := strings.Split(r, ":")
		if f[0] == user && len(f) > 2 {
			f[1] = change(f[1])
			f[2] = strconv.FormatInt(c.sh.m.now().Unix()/86400, 10)
			rows[i] = strings.Join(f, ":")
		}
	}
	c.replaceFile("/etc/shadow", strings.Join(rows, "\n")+"\n")
}

// lock and unlock make a hash match no password, and match again.
func lock(hash string) string   { return "!" + strings.TrimPrefix(hash, "!") }
func unlock(hash string) string { return strings.TrimPrefix(hash, "!") }

// replaceFile rewrites a file of the system as its tools do, without reporting it.
func (c *call) replaceFile(name, content string) {
	h, err := (&Files{sh: c.sh}).open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return
	}
	_, _ = h.Write([]byte(content)) // a full disk leaves the file short, as on a real machine
	h.dirty = false
	_ = h.Close()
}

func progPasswd(c *call) int {
	opts, operands := c.flags("")
	rhel := c.sh.m.distro.family == "rhel"
	if has(opts, "--stdin") && !rhel {
		c.errln("passwd: unrecognized option '--stdin'\nUsage: passwd [options] [LOGIN]\n\nOptions:\n  -a, --all                     report password status on all accounts\n  -d, --delete                  delete the password for the named account\n  -e, --expire                  force expire the password for the named account\n  -h, --help                    display this help message and exit\n  -k, --keep-tokens             change password only if expired\n  -i, --inactive INACTIVE       set password inactive after expiration\n                                to INACTIVE\n  -l, --lock                    lock the password of the named account\n  -n, --mindays MIN_DAYS        set minimum number of days before password\n                                change to MIN_DAYS\n  -q, --quiet                   quiet mode\n  -r, --repository REPOSITORY   change password in REPOSITORY repository\n  -R, --root CHROOT_DIR         directory to chroot into\n  -S, --status                  report password status on the named account\n  -u, --unlock                  unlock the password of the named account\n  -w, --warndays WARN_DAYS      set expiration warning days to WARN_DAYS\n  -x, --maxdays MAX_DAYS        set maximum number of days before password\n                                change to MAX_DAYS\n")
		return 6
	}
	user := c.cred.name
	if len(operands) > 0 {
		user = operands[0]
	}
	if _, ok := c.sh.account(user); !ok {
		c.errln("passwd: user '" + user + "' does not exist")
		return 1
	}
	if c.cred.uid != 0 && user != c.cred.name {
		c.errln("passwd: You may not view or modify password information for " + user + ".")
		return 1
	}
	if has(opts, "-l", "-u", "-d", "-e", "--lock", "--unlock", "--delete", "--expire") {
		switch {
		case c.cred.uid != 0:
			c.errln("passwd: Permission denied.")
			return 1
		case has(opts, "-l", "--lock"):
			c.changeHash(user, lock)
		case has(opts, "-u", "--unlock"):
			c.changeHash(user, unlock)
		case has(opts, "-d", "--delete"):
			c.setHash(user, "")
		}
		c.errln("passwd: password expiry information changed.")
		return 0
	}
	if has(opts, "-S") {
		c.printf("%s P %s 0 99999 7 -1\n", user, clock(c.sh.m.installed(), "01/02/2006"))
		return 0
	}
	if c.cred.uid != 0 {
		c.errln("Changing password for " + user + ".")
		if _, ok := c.promptSecret("Current password: "); !ok {
			return 10
		}
	}
	updated := "passwd: password updated successfully"
	if rhel {
		c.print("Changing password for user " + user + ".\n")
		updated = "passwd: all authentication tokens updated successfully."
	}
	if has(opts, "--stdin") {
		password, ok := c.readLine(0, true)
		if !ok && password == "" {
			c.errln("passwd: Authentication token manipulation error")
			return 1
		}
		c.setPassword(user, password)
		c.print(updated + "\n")
		return 0
	}
	first, ok := c.promptSecret("New password: ")
	if !ok {
		c.errln("Password change has been aborted.\npasswd: Authentication token manipulation error\npasswd: password unchanged")
		return 10
	}
	second, _ := c.promptSecret("Retype new password: ")
	if first != second {
		c.errln("Sorry, passwords do not match.\npasswd: Authentication token manipulation error\npasswd: password unchanged")
		return 10
	}
	if first == "" {
		c.errln("No password has been supplied.\npasswd: Authentication token manipulation error\npasswd: password unchanged")
		return 10
	}
	c.setPassword(user, first)
	if rhel {
		c.print(updated + "\n")
	} else {
		c.errln(updated)
	}
	return 0
}

func progChpasswd(c *call) int {
	opts, _ := c.flags("cRsm", "--crypt-method", "--root", "--sha-rounds")
	b, _ := c.contents("-")
	if c.cred.uid != 0 {
		c.errln("chpasswd: (line 1, user root) password not changed\nchpasswd: cannot lock /etc/passwd; try again later.")
		return 1
	}
	status := 0
	for i, l := range c.lines(b) {
		user, password, ok := strings.Cut(l, ":")
		if !ok {
			c.errln(fmt.Sprintf("chpasswd: line %d: missing new password", i+1))
			status = 1
			continue
		}
		if _, ok := c.sh.account(user); !ok {
			c.credential(user, password)
			c.errln(fmt.Sprintf("chpasswd: (line %d, user %s) password not changed", i+1, user))
			status = 1
			continue
		}
		if has(opts, "-e", "--encrypted") {
			c.credential(user, password)
			c.setHash(user, password)
		} else {
			c.setPassword(user, password)
		}
	}
	if status != 0 {
		c.errln("chpasswd: error detected, changes ignored")
	}
	return status
}

func progUseradd(c *call) int {
	opts, operands := c.flags("cdegGkKpsub", "--home-dir", "--shell", "--groups", "--gid", "--uid", "--password", "--comment", "--ingroup", "--gecos", "--home")
	if len(operands) == 0 {
		if c.name == "adduser" {
			c.errln("adduser: Only one or two names allowed.")
		} else {
			c.errln("Usage: useradd [options] LOGIN\n       useradd -D\n       useradd -D [options]")
		}
		return 2
	}
	name := operands[len(operands)-1]
	if c.name == "adduser" {
		name = operands[0]
	}
	if c.cred.uid != 0 {
		if c.name == "adduser" {
			c.errln("adduser: Only root may add a user or group to the system.")
		} else {
			c.errln("useradd: Permission denied.\nuseradd: cannot lock /etc/passwd; try again later.")
		}
		return 1
	}
	if loginName(name) != name || strings.Contains(name, ":") {
		c.errln("useradd: invalid user name '" + name + "': use --badname to ignore")
		return 3
	}
	if _, ok := c.sh.account(name); ok {
		if c.name == "adduser" {
			c.errln("adduser: The user `" + name + "' already exists.")
			return 1
		}
		c.errln("useradd: user '" + name + "' already exists")
		return 9
	}
	root := &Files{sh: c.sh}
	uid := 1000
	for _, a := range c.sh.accounts() {
		if a.uid >= uid && a.uid < 60000 {
			uid = a.uid + 1
		}
	}
	if s, ok := valueOf(opts, "-u", "--uid"); ok {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			c.errln("useradd: invalid user ID '" + s + "'")
			return 3
		}
		uid = n
	}
	gid := uid
	home, shell := "/home/"+name, "/bin/sh"
	if h, ok := valueOf(opts, "-d", "--home-dir", "--home"); ok {
		home = h
	}
	if c.name == "adduser" {
		shell = "/bin/bash"
	}
	if s, ok := valueOf(opts, "-s", "--shell"); ok {
		shell = s
	}
	comment, _ := valueOf(opts, "-c", "--comment", "--gecos")
	clean := func(s string) string { return strings.NewReplacer(":", "", "\n", "").Replace(s) }
	passwd, _ := root.read("/etc/passwd")
	c.replaceFile("/etc/passwd", string(passwd)+fmt.Sprintf("%s:x:%d:%d:%s:%s:%s\n", name, uid, gid, clean(comment), clean(home), clean(shell)))
	grp, _ := root.read("/etc/group")
	text := string(grp)
	if !has(opts, "-o") || uid != 0 {
		text += fmt.Sprintf("%s:x:%d:\n", name, gid)
	}
	if list, ok := valueOf(opts, "-G", "--groups"); ok {
		text = addMember(text, name, strings.Split(list, ","))
	}
	c.replaceFile("/etc/group", text)
	hash := "!"
	if p, ok := valueOf(opts, "-p", "--password"); ok {
		hash = clean(p)
		c.credential(name, p)
	}
	shadow, _ := root.read("/etc/shadow")
	c.replaceFile("/etc/shadow", string(shadow)+fmt.Sprintf("%s:%s:%d:0:99999:7:::\n", name, hash, c.sh.m.now().Unix()/86400))
	if has(opts, "-m", "--create-home") || c.name == "adduser" {
		if root.Mkdir(home, 0o755) == nil {
			_ = root.Chown(home, uid, gid)
		}
	}
	if c.name == "adduser" {
		c.printf("Adding user `%s' ...\nAdding new group `%s' (%d) ...\nAdding new user `%s' (%d) with group `%s (%d)' ...\nCreating home directory `%s' ...\nCopying files from `/etc/skel' ...\n", name, name, gid, name, uid, name, gid, home)
		if p, ok := c.promptSecret("New password: "); ok {
			_, _ = c.promptSecret("Retype new password: ")
			c.setPassword(name, p)
			c.errln("passwd: password updated successfully")
		}
	}
	return 0
}

// addMember adds a user to groups in the text of /etc/group.
func addMember(text, user string, groups []string) string {
	rows := strings.Split(text, "\n")
	for i, r := range rows {
		f := strings.Split(r, ":")
		if len(f) == 4 && slices.Contains(groups, f[0]) && !slices.Contains(strings.Split(f[3], ","), user) {
			if f[3] != "" {
				f[3] += ","
			}
			f[3] += user
			rows[i] = strings.Join(f, ":")
		}
	}
	return strings.Join(rows, "\n")
}

func progUserdel(c *call) int {
	opts, operands := c.flags("")
	if len(operands) == 0 {
		c.errln("Usage: " + c.name + " [options] LOGIN")
		return 2
	}
	name := operands[0]
	a, ok := c.sh.account(name)
	switch {
	case !ok:
		c.errln("userdel: user '" + name + "' does not exist")
		return 6
	case c.cred.uid != 0:
		c.errln("userdel: Permission denied.\nuserdel: cannot lock /etc/passwd; try again later.")
		return 1
	}
	for _, file := range []string{"/etc/passwd", "/etc/shadow", "/etc/group"} {
		b, err := (&Files{sh: c.sh}).read(file)
		if err != nil {
			continue
		}
		rows := slices.DeleteFunc(lines(b), func(l string) bool { return strings.HasPrefix(l, name+":") })
		c.replaceFile(file, strings.Join(rows, "\n")+"\n")
	}
	if has(opts, "-r", "--remove") {
		if i, err := c.files().stat("stat", a.home, true); err == nil && a.home != "/" {
			c.removeTree(a.home, i, false, 0)
		}
	}
	return 0
}

func progUsermod(c *call) int {
	opts, operands := c.flags("cdegGlpsu", "--shell", "--groups", "--home", "--password")
	if len(operands) == 0 {
		c.errln("Usage: usermod [options] LOGIN")
		return 2
	}
	name := operands[len(operands)-1]
	if _, ok := c.sh.account(name); !ok {
		c.errln("usermod: user '" + name + "' does not exist")
		return 6
	}
	if c.cred.uid != 0 {
		c.errln("usermod: Permission denied.\nusermod: cannot lock /etc/passwd; try again later.")
		return 1
	}
	if p, ok := valueOf(opts, "-p", "--password"); ok {
		c.credential(name, p)
		c.setHash(name, p)
	}
	switch {
	case has(opts, "-L", "--lock"):
		c.changeHash(name, lock)
	case has(opts, "-U", "--unlock"):
		c.changeHash(name, unlock)
	}
	if list, ok := valueOf(opts, "-G", "--groups"); ok {
		b, _ := (&Files{sh: c.sh}).read("/etc/group")
		c.replaceFile("/etc/group", addMember(string(b), name, strings.Split(list, ",")))
	}
	b, _ := (&Files{sh: c.sh}).read("/etc/passwd")
	rows := lines(b)
	for i, r := range rows {
		f := strings.Split(r, ":")
		if len(f) != 7 || f[0] != name {
			continue
		}
		for flag, k := range map[string]int{"-s": 6, "-d": 5, "-u": 2, "-c": 4} {
			if v, ok := valueOf(opts, flag); ok {
				f[k] = strings.NewReplacer(":", "", "\n", "").Replace(v)
			}
		}
		rows[i] = strings.Join(f, ":")
	}
	c.replaceFile("/etc/passwd", strings.Join(rows, "\n")+"\n")
	return 0
}

func progGroupadd(c *call) int {
	_, operands := c.flags("gKp")
	if len(operands) == 0 {
		c.errln("Usage: groupadd [options] GROUP")
		return 2
	}
	name := operands[len(operands)-1]
	if c.cred.uid != 0 {
		c.errln("groupadd: Permission denied.\ngroupadd: cannot lock /etc/group; try again later.")
		return 10
	}
	gid := 1000
	for _, g := range c.sh.groups() {
		if g.name == name {
			c.errln("groupadd: group '" + name + "' already exists")
			return 9
		}
		if g.gid >= gid && g.gid < 60000 {
			gid = g.gid + 1
		}
	}
	if loginName(name) != name {
		c.errln("groupadd: '" + name + "' is not a valid group name")
		return 3
	}
	b, _ := (&Files{sh: c.sh}).read("/etc/group")
	c.replaceFile("/etc/group", string(b)+fmt.Sprintf("%s:x:%d:\n", name, gid))
	return 0
}
