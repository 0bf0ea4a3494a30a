package telnet

// The commands of RFC 854 and RFC 1184 that follow IAC.
const (
	cmdEOF   = 236
	cmdSusp  = 237
	cmdAbort = 238
	cmdSE    = 240
	cmdDM    = 242
	cmdBreak = 243
	cmdIP    = 244
	cmdAO    = 245
	cmdAYT   = 246
	cmdEC    = 247
	cmdEL    = 248
	cmdSB    = 250
	cmdWill  = 251
	cmdWont  = 252
	cmdDo    = 253
	cmdDont  = 254
	iac      = 255
)

// The options that telnetd programs talk about.
const (
	optBinary     = 0
	optEcho       = 1
	optSGA        = 3  // suppress go-ahead, RFC 858
	optStatus     = 5  // RFC 859
	optTimingMark = 6  // RFC 860
	optTType      = 24 // terminal type, RFC 1091
	optNAWS       = 31 // window size, RFC 1073
	optTSpeed     = 32 // RFC 1079
	optLFlow      = 33 // RFC 1372
	optLinemode   = 34 // RFC 1184
	optXDisplay   = 35 // RFC 1096
	optOldEnviron = 36 // RFC 1408
	optAuth       = 37 // RFC 2941
	optEncrypt    = 38 // RFC 2946
	optNewEnviron = 39 // RFC 1572
)

// maxSub bounds what is kept of one subnegotiation; the rest of it is dropped.
const maxSub = 512

// kind says what a byte completed.
type kind uint8

const (
	none           kind = iota // nothing yet
	data                       // a byte of text: token.b
	command                    // a command without option: token.b
	negotiation                // WILL, WONT, DO or DONT (token.b) and its option
	subnegotiation             // token.option and token.sub
)

// token is what the scanner understood. sub is valid until the next byte.
type token struct {
	kind   kind
	b      byte
	option byte
	sub    []byte
}

// scanner takes the byte stream of a client apart (RFC 854, RFC 855). The zero value is at
// the beginning of a stream.
type scanner struct {
	state scanState
	verb  byte
	sub   []byte
}

type scanState uint8

const (
	inData scanState = iota
	afterCR
	afterIAC
	afterVerb
	inSub
	inSubAfterIAC
)

// next consumes one byte. A line end of CR LF or CR NUL is one CR.
func (s *scanner) next(b byte) token {
	switch s.state {
	case afterCR:
		s.state = inData
		if b == '\n' || b == 0 {
			return token{}
		}
		return s.text(b)
	case afterIAC:
		return s.command(b)
	case afterVerb:
		s.state = inData
		return token{kind: negotiation, b: s.verb, option: b}
	case inSub:
		if b == iac {
			s.state = inSubAfterIAC
			return token{}
		}
		s.keep(b)
		return token{}
	case inSubAfterIAC:
		return s.subCommand(b)
	}
	return s.text(b)
}

func (s *scanner) text(b byte) token {
	switch b {
	case iac:
		s.state = afterIAC
		return token{}
	case '\r':
		s.state = afterCR
	}
	return token{kind: data, b: b}
}

func (s *scanner) command(b byte) token {
	s.state = inData
	switch b {
	case iac:
		return token{kind: data, b: b}
	case cmdWill, cmdWont, cmdDo, cmdDont:
		s.state, s.verb = afterVerb, b
		return token{}
	case cmdSB:
		s.state, s.sub = inSub, s.sub[:0]
		return token{}
	}
	return token{kind: command, b: b}
}

func (s *scanner) subCommand(b byte) token {
	switch b {
	case iac:
		s.state = inSub
		s.keep(b)
		return token{}
	case cmdSE:
		s.state = inData
		if len(s.sub) == 0 {
			return token{}
		}
		return token{kind: subnegotiation, option: s.sub[0], sub: s.sub[1:]}
	}
	// Something else than SE: the subnegotiation was cut short, and this is a command.
	return s.command(b)
}

func (s *scanner) keep(b byte) {
	if len(s.sub) < maxSub {
		s.sub = append(s.sub, b)
	}
}
