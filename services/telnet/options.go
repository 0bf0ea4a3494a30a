package telnet

import (
	"bytes"
	"fmt"
	"strings"
)

// side is the state of one option at one end (RFC 1143, without its queue).
type side struct {
	on      bool
	waiting bool // we have asked and there is no answer yet
}

// options is the negotiation with one client.
type options struct {
	us, him [256]side
	took    func(option byte, him bool) bool // whether an option may be on
}

// ask appends a request that we make: WILL and WONT of us, DO and DONT of him.
func (o *options) ask(out []byte, verb, option byte) []byte {
	s := &o.him[option]
	if verb == cmdWill || verb == cmdWont {
		s = &o.us[option]
	}
	s.waiting = true
	return append(out, iac, verb, option)
}

// receive takes a request or an answer and appends our answer, if there is to be one.
func (o *options) receive(out []byte, verb, option byte) []byte {
	if option == optTimingMark { // a mark is no state: each is answered
		if verb == cmdDo {
			out = append(out, iac, cmdWill, option)
		}
		return out
	}
	s, yes, no := &o.us[option], byte(cmdWill), byte(cmdWont)
	him := verb == cmdWill || verb == cmdWont
	if him {
		s, yes, no = &o.him[option], cmdDo, cmdDont
	}
	wanted := verb == cmdWill || verb == cmdDo
	if s.waiting {
		s.waiting, s.on = false, wanted
		return out
	}
	switch {
	case wanted == s.on:
		return out
	case wanted && o.took(option, him):
		s.on = true
		return append(out, iac, yes, option)
	}
	s.on = false
	return append(out, iac, no, option)
}

// settled reports whether the client has answered all that we asked about opts.
func (o *options) settled(opts ...byte) bool {
	for _, n := range opts {
		if o.us[n].waiting || o.him[n].waiting {
			return false
		}
	}
	return true
}

// client is what a client told of itself in subnegotiations.
type client struct {
	terminal, speed, display string
	environ                  map[string]string
	width, height            int
	heard                    []string // requests and answers in the order of arrival
}

// Bounds of what is kept of a client.
const (
	maxHeard   = 64
	maxEnviron = 32
)

var verbNames = map[byte]string{cmdWill: "WILL", cmdWont: "WONT", cmdDo: "DO", cmdDont: "DONT"}

func (c *client) hear(verb, option byte) {
	if len(c.heard) < maxHeard {
		c.heard = append(c.heard, fmt.Sprintf("%s %d", verbNames[verb], option))
	}
}

// The first byte of most subnegotiations.
const (
	subIs   = 0
	subSend = 1
	subInfo = 2
)

// learn takes what a subnegotiation says and reports whether it was the answer to SEND.
func (c *client) learn(option byte, sub []byte) bool {
	if option == optNAWS {
		if len(sub) == 4 {
			c.width, c.height = int(sub[0])<<8|int(sub[1]), int(sub[2])<<8|int(sub[3])
		}
		return false
	}
	if len(sub) == 0 || sub[0] != subIs && sub[0] != subInfo {
		return false
	}
	text := string(sub[1:])
	switch option {
	case optTType:
		c.terminal = strings.ToLower(text)
	case optTSpeed:
		c.speed = text
	case optXDisplay:
		c.display = text
	case optNewEnviron, optOldEnviron:
		c.learnEnviron(sub[1:])
	default:
		return false
	}
	return sub[0] == subIs
}

// The markers in an environment (RFC 1572 section 4).
const (
	envVar, envValue, envEsc, envUser = 0, 1, 2, 3
)

func (c *client) learnEnviron(b []byte) {
	var name, value bytes.Buffer
	part := (*bytes.Buffer)(nil)
	flush := func() {
		if name.Len() > 0 && len(c.environ) < maxEnviron {
			if c.environ == nil {
				c.environ = make(map[string]string)
			}
			c.environ[name.String()] = value.String()
		}
		name.Reset()
		value.Reset()
	}
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case envVar, envUser:
			flush()
			part = &name
			continue
		case envValue:
			part = &value
			continue
		case envEsc:
			if i++; i == len(b) {
				continue
			}
		}
		if part != nil {
			part.WriteByte(b[i])
		}
	}
	flush()
}
