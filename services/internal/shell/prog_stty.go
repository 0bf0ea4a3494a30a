package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What stty -a shows of a terminal that sshd or telnetd made, in its groups.
var (
	sttyCharacters = []string{"intr = ^C;", `quit = ^\;`, "erase = ^?;", "kill = ^U;", "eof = ^D;", "eol = <undef>;", "eol2 = <undef>;", "swtch = <undef>;", "start = ^Q;", "stop = ^S;", "susp = ^Z;", "rprnt = ^R;", "werase = ^W;", "lnext = ^V;", "discard = ^O;", "min = 1;", "time = 0;"}
	sttyControl    = strings.Fields("-parenb -parodd -cmspar cs8 -hupcl -cstopb cread -clocal -crtscts")
	sttyInput      = strings.Fields("-ignbrk -brkint -ignpar -parmrk -inpck -istrip -inlcr -igncr icrnl ixon -ixoff -iuclc -ixany -imaxbel iutf8")
	sttyOutput     = strings.Fields("opost -olcuc -ocrnl onlcr -onocr -onlret -ofill -ofdel nl0 cr0 tab0 bs0 vt0 ff0")
	sttyLocal      = strings.Fields("isig icanon iexten echo echoe echok -echonl -noflsh -xcase -tostop -echoprt echoctl echoke -flusho -extproc")
)

const (
	sttyModes  = "sane raw cooked cbreak crt dec ek evenp parity oddp nl pass8 litout cs5 cs6 cs7 decctlq tabs lcase LCASE"
	sttyValued = "intr quit erase kill eof eol eol2 swtch start stop susp rprnt werase lnext discard min time line ispeed ospeed"
)

func progStty(c *call) int {
	if c.term == nil || len(c.fds) == 0 || c.fds[0] == nil || !c.fds[0].tty {
		c.errorf("'standard input': Inappropriate ioctl for device")
		return 1
	}
	args := c.args[1:]
	if len(args) == 0 {
		c.print("speed 38400 baud; line = 0;\n-brkint -imaxbel iutf8\n" + map[bool]string{true: "-echo\n"}[c.term.isSilent()])
		return 0
	}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		known := slices.Concat(sttyControl, sttyInput, sttyOutput, sttyLocal, strings.Fields(sttyModes))
		switch {
		case a == "-a" || a == "--all":
			c.sttyAll()
		case a == "-g" || a == "--save":
			c.print("4500:5:bf:8a3b:3:1c:7f:15:4:0:1:0:11:13:1a:0:12:f:17:16:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0\n")
		case a == "size":
			w, h := c.term.window()
			c.printf("%d %d\n", h, w)
		case a == "speed":
			c.print("38400\n")
		case a == "-echo":
			c.term.echo(false)
		case a == "echo" || a == "sane":
			c.term.echo(true)
		case a == "rows" || a == "cols" || a == "columns":
			n := 0
			if len(args) > 0 {
				n, _ = strconv.Atoi(args[0])
				args = args[1:]
			}
			if n <= 0 {
				c.errorf("missing argument to ‘%s’", a)
				c.try()
				return 1
			}
			c.term.resize(a != "rows", n)
		case slices.Contains(strings.Fields(sttyValued), a):
			if len(args) == 0 {
				c.errorf("missing argument to ‘%s’", a)
				c.try()
				return 1
			}
			args = args[1:]
		case slices.ContainsFunc(known, func(k string) bool { return strings.TrimPrefix(k, "-") == strings.TrimPrefix(a, "-") }):
		case strings.Count(a, ":") > 20: // what -g gave
		default:
			if _, err := strconv.Atoi(a); err != nil {
				c.errorf("invalid argument ‘%s’", a)
				c.try()
				return 1
			}
		}
	}
	return 0
}

func (c *call) sttyAll() {
	width, height := c.term.window()
	c.printf("speed 38400 baud; rows %d; columns %d; line = 0;\n", height, width)
	local := slices.Clone(sttyLocal)
	if c.term.isSilent() {
		local[slices.Index(local, "echo")] = "-echo"
	}
	for _, group := range [][]string{sttyCharacters, sttyControl, sttyInput, sttyOutput, local} {
		at := 0
		for _, s := range group {
			switch {
			case at == 0:
			case at+1+len(s) > width:
				c.print("\n")
				at = 0
			default:
				c.print(" ")
				at++
			}
			c.print(s)
			at += len(s)
		}
		c.print("\n")
	}
}

// progTput prints what the terminal understands; the database knows those of the xterm
// and linux kind.
func progTput(c *call) int {
	opts, operands := c.flags("T")
	name, ok := valueOf(opts, "-T")
	if !ok {
		name = c.interp.env("TERM")
	}
	switch {
	case has(opts, "-V"):
		c.print("ncurses 6.4.20221231\n")
		return 0
	case name == "":
		c.errln("tput: No value for $TERM and no -T specified")
		return 2
	case len(operands) == 0:
		c.errln("Usage: tput [options] [command]\n\nOptions:\n  -S <<       read commands from standard input\n  -T TERM     use this instead of $TERM\n  -V          print curses-version\n  -x          do not try to clear scrollback\n\nCommands:\n  clear       clear the screen\n  init        initialize the terminal\n  reset       reinitialize the terminal")
		return 2
	case !knownTerminal(name):
		c.errln("tput: unknown terminal \"" + name + "\"")
		return 3
	}
	width, height := 80, 24
	if c.term != nil {
		width, height = c.term.window()
	}
	colors := 8
	if strings.HasSuffix(name, "-256color") {
		colors = 256
	} else if strings.HasPrefix(name, "vt") || name == "dumb" {
		colors = -1
	}
	sequences := map[string]string{"clear": "\x1b[H\x1b[2J\x1b[3J", "bold": "\x1b[1m", "sgr0": "\x1b(B\x1b[m", "rev": "\x1b[7m", "smul": "\x1b[4m", "rmul": "\x1b[24m", "smso": "\x1b[7m", "rmso": "\x1b[27m", "el": "\x1b[K", "ed": "\x1b[J", "home": "\x1b[H", "bel": "\a", "cr": "\r", "civis": "\x1b[?25l", "cnorm": "\x1b[?12l\x1b[?25h", "smcup": "\x1b[?1049h\x1b[22;0;0t", "rmcup": "\x1b[?1049l\x1b[23;0;0t", "sc": "\x1b7", "rc": "\x1b8", "init": "\x1b[!p\x1b[?3;4l\x1b[4l\x1b>", "reset": "\x1bc\x1b[!p\x1b[?3;4l\x1b[4l\x1b>"}
	number := func(i int) int {
		if i >= len(operands) {
			return 0
		}
		n, _ := strconv.Atoi(operands[i])
		return n
	}
	switch what := operands[0]; what {
	case "cols":
		c.printf("%d\n", width)
	case "lines":
		c.printf("%d\n", height)
	case "colors":
		c.printf("%d\n", colors)
	case "longname":
		c.print(name)
	case "setaf", "setab":
		base := map[string]int{"setaf": 30, "setab": 40}[what]
		switch n := number(1); {
		case n < 8:
			c.printf("\x1b[%dm", base+n)
		case n < 16:
			c.printf("\x1b[%dm", base+60+n-8)
		default:
			c.printf("\x1b[%d;5;%dm", base+8, n)
		}
	case "cup":
		c.print(fmt.Sprintf("\x1b[%d;%dH", number(1)+1, number(2)+1))
	default:
		s, ok := sequences[what]
		if !ok {
			c.errln("tput: unknown terminfo capability '" + what + "'")
			return 4
		}
		c.print(s)
	}
	return 0
}

// knownTerminal reports whether terminfo of a small installation has name.
func knownTerminal(name string) bool {
	return slices.Contains(strings.Fields("ansi cons25 cygwin dumb hurd linux mach mach-bold mach-color mach-gnu mach-gnu-color pcansi rxvt rxvt-basic screen screen-256color screen-256color-bce screen-bce screen-s screen-w screen.xterm-256color sun tmux tmux-256color vt100 vt102 vt220 vt52 xterm xterm-256color xterm-color xterm-mono xterm-r5 xterm-r6 xterm-vt220 xterm-xfree86"), name)
}

// progMesg says whether others may write to the terminal.
func progMesg(c *call) int {
	if c.term == nil {
		return 2
	}
	if len(c.args) > 1 {
		return 0
	}
	c.print("is n\n")
	return 1
}
