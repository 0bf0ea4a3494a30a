package shell

import (
	"bytes"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

func progStat(c *call) int {
	opts, operands := c.flags("c", "--format", "--printf")
	if len(operands) == 0 {
		c.errorf("missing operand")
		c.try()
		return 1
	}
	format, custom := valueOf(opts, "-c", "--format", "--printf")
	status := 0
	who := c.sh.names()
	for _, name := range operands {
		i, err := c.files().stat("stat", name, has(opts, "-L"))
		if err != nil {
			c.errorf("cannot statx '%s': %s", name, reason(err))
			status = 1
			continue
		}
		kind := "regular file"
		switch {
		case i.mode.IsDir():
			kind = "directory"
		case i.mode&fs.ModeSymlink != 0:
			kind = "symbolic link"
		case i.mode&fs.ModeCharDevice != 0:
			kind = "character special file"
		case i.mode&fs.ModeDevice != 0:
			kind = "block special file"
		case i.size == 0:
			kind = "regular empty file"
		}
		octal := i.stat.Mode & 0o7777
		at := clock(i.mtime, "2006-01-02 15:04:05.000000000 +0000")
		if custom {
			s := strings.NewReplacer("%n", name, "%s", strconv.FormatInt(i.size, 10), "%a", strconv.FormatUint(uint64(octal), 8), "%A", modeString(i.mode),
				"%U", who.user(i.node.uid), "%G", who.group(i.node.gid), "%u", strconv.Itoa(int(i.node.uid)), "%g", strconv.Itoa(int(i.node.gid)), "%F", kind,
				"%y", at, "%x", at, "%z", at, "%Y", strconv.FormatInt(i.mtime.Unix(), 10), "%X", strconv.FormatInt(i.mtime.Unix(), 10), "%i", strconv.FormatUint(i.node.ino, 10),
				"%h", strconv.FormatUint(uint64(i.stat.Nlink), 10), "%b", strconv.FormatInt(i.stat.Blocks, 10), "%f", strconv.FormatUint(uint64(i.stat.Mode), 16), "%N", "'"+name+"'",
				"%d", strconv.FormatUint(c.deviceOf(name), 10), "%D", strconv.FormatUint(c.deviceOf(name), 16)).Replace(format)
			if has(opts, "--printf") {
				s, _ = escapes(s, false)
				c.print(s)
			} else {
				c.print(s + "\n")
			}
			continue
		}
		label := name
		if i.mode&fs.ModeSymlink != 0 {
			label += " -> " + i.node.target
		}
		device := c.deviceOf(name)
		kindOfDevice := ""
		if i.mode&fs.ModeDevice != 0 {
			major, minor := deviceNumber(i.name)
			kindOfDevice = fmt.Sprintf("     Device type: %d,%d", major, minor)
		}
		c.printf("  File: %s\n  Size: %-10d\tBlocks: %-10d IO Block: %-6d %s\nDevice: %d,%d\tInode: %-11d Links: %d%s\nAccess: (%04o/%s)  Uid: (%5d/%8s)   Gid: (%5d/%8s)\nAccess: %s\nModify: %s\nChange: %s\n Birth: %s\n",
			label, i.size, i.stat.Blocks, 4096, kind, device>>8, device&0xff, i.node.ino, i.stat.Nlink, kindOfDevice, octal, modeString(i.mode), i.node.uid, who.user(i.node.uid), i.node.gid, who.group(i.node.gid), at, at, at, at)
	}
	return status
}

// deviceOf is the number of the file system that a file is on.
func (c *call) deviceOf(name string) uint64 {
	real, err := c.files().RealPath(name)
	if err != nil {
		return c.sh.m.hw.device()
	}
	for _, f := range []struct {
		dir    string
		number uint64
	}{{"/proc", 21}, {"/sys", 20}, {"/dev/shm", 25}, {"/dev/pts", 22}, {"/dev", 5}, {"/run/lock", 26}, {"/run", 23}} {
		if real == f.dir || strings.HasPrefix(real, f.dir+"/") {
			return f.number
		}
	}
	return c.sh.m.hw.device()
}

func progFile(c *call) int {
	opts, operands := c.flags("fmF")
	if len(operands) == 0 {
		c.errln("Usage: file [-bcCdEhikLlNnprsSvzZ0] [--apple] [--extension] [--mime-encoding]\n            [--mime-type] [-e <testname>] [-F <separator>]  [-f <namefile>]\n            [-m <magicfiles>] [-P <parameter=value>] [--exclude-quiet]\n            <file> ...\n       file -C [-m <magicfiles>]\n       file [--help]")
		return 1
	}
	width := 0
	for _, name := range operands {
		width = max(width, len(name)+1)
	}
	for _, name := range operands {
		what := c.describeContent(name)
		if has(opts, "-b", "--brief") {
			c.print(what + "\n")
			continue
		}
		c.printf("%-*s %s\n", width, name+":", what)
	}
	return 0
}

func (c *call) describeContent(name string) string {
	i, err := c.files().stat("stat", name, false)
	switch {
	case err != nil:
		return "cannot open `" + name + "' (" + reason(err) + ")"
	case i.mode.IsDir() && i.mode&fs.ModeSticky != 0:
		return "sticky, directory"
	case i.mode.IsDir():
		return "directory"
	case i.mode&fs.ModeSymlink != 0:
		return "symbolic link to " + i.node.target
	case i.mode&fs.ModeDevice != 0:
		major, minor := deviceNumber(i.name)
		kind := "block"
		if i.mode&fs.ModeCharDevice != 0 {
			kind = "character"
		}
		return fmt.Sprintf("%s special (%d/%d)", kind, major, minor)
	}
	if e, ok := i.node.src.(elf); ok {
		return "ELF 64-bit LSB pie executable, x86-64, version 1 (SYSV), dynamically linked, interpreter /lib64/ld-linux-x86-64.so.2, BuildID[sha1]=" + c.sh.m.id.Hex("build "+e.program, 40) + ", for GNU/Linux 3.2.0, stripped"
	}
	b, err := c.files().read(name)
	if err != nil {
		return "regular file, no read permission"
	}
	return contentKind(b)
}

func contentKind(b []byte) string {
	switch {
	case len(b) == 0:
		return "empty"
	case bytes.HasPrefix(b, []byte("\x7fELF")) && len(b) > 19:
		return elfKind(b)
	case bytes.HasPrefix(b, []byte("#!/bin/bash")), bytes.HasPrefix(b, []byte("#!/usr/bin/env bash")):
		return "Bourne-Again shell script, ASCII text executable"
	case bytes.HasPrefix(b, []byte("#!/bin/sh")):
		return "POSIX shell script, ASCII text executable"
	case bytes.HasPrefix(b, []byte("#!/usr/bin/env python")), bytes.HasPrefix(b, []byte("#!/usr/bin/python")):
		return "Python script, ASCII text executable"
	case bytes.HasPrefix(b, []byte("#!/usr/bin/perl")):
		return "Perl script text executable"
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		return "gzip compressed data, from Unix"
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return "Zip archive data, at least v2.0 to extract, compression method=deflate"
	case bytes.HasPrefix(b, []byte("BZh")):
		return "bzip2 compressed data, block size = 900k"
	case bytes.HasPrefix(b, []byte("MZ")):
		return "PE32 executable (console) Intel 80386, for MS Windows"
	case len(b) > 262 && string(b[257:262]) == "ustar":
		return "POSIX tar archive (GNU)"
	case bytes.HasPrefix(b, []byte("<?php")):
		return "PHP script, ASCII text"
	case bytes.HasPrefix(b, []byte("<!DOCTYPE html")):
		return "HTML document, ASCII text"
	}
	for _, c := range b[:min(len(b), 4096)] {
		if c < 7 || c > 13 && c < 27 || c == 127 {
			return "data"
		}
	}
	kind := "ASCII text"
	for _, c := range b {
		if c >= 0x80 {
			kind = "Unicode text, UTF-8 text"
			break
		}
	}
	if bytes.Contains(b, []byte("\r\n")) {
		kind += ", with CRLF line terminators"
	} else if bytes.IndexByte(b, '\n') < 0 {
		kind += ", with no line terminators"
	}
	return kind
}

func elfKind(b []byte) string {
	bits, order := "32-bit", "LSB"
	if b[4] == 2 {
		bits = "64-bit"
	}
	machine := int(b[18]) | int(b[19])<<8
	if b[5] == 2 {
		order, machine = "MSB", int(b[19])|int(b[18])<<8
	}
	arch, ok := map[int]string{2: "SPARC", 3: "Intel 80386", 4: "Motorola m68k, 68020", 8: "MIPS, MIPS-I", 20: "PowerPC or cisco 4500", 40: "ARM", 42: "Renesas SH", 62: "x86-64", 183: "ARM aarch64", 243: "UCB RISC-V"}[machine]
	if !ok {
		arch = fmt.Sprintf("*unknown arch 0x%x*", machine)
	}
	return "ELF " + bits + " " + order + " executable, " + arch + ", version 1 (SYSV), statically linked, stripped"
}
