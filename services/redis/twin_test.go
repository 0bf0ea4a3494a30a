package redis_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decnet/decnet/services"
)

// bulks makes a request of words.
func bulks(words ...string) string {
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(words)) + "\r\n")
	for _, w := range words {
		b.WriteString("$" + strconv.Itoa(len(w)) + "\r\n" + w + "\r\n")
	}
	return b.String()
}

// endless marks a session whose last line has no end: what the server says then depends
// on how much has arrived when it looks.
const endless = "<endless>"

// scripts are sessions to which we must answer as the real server does, byte for byte.
// Each starts with an empty data set.
var scripts = []struct{ name, in string }{
	{"ping", "PING\r\nping hello\r\nPING a b\r\nECHO hi\r\nECHO\r\n"},
	{"unknown", "foo\r\nfoo bar 'b az' qux\r\nFOO " + strings.Repeat("x ", 100) + "\r\n" + strings.Repeat("y", 300) + " a\r\nget\r\nconfig\r\nconfig nope\r\nobject x y\r\nclient\r\nacl foo\r\n"},
	{"unknown with odd bytes", bulks("fo\r\no", "a\x00b", "\xff\xfe") + bulks("") + bulks("GET\x00", "a")},
	{"empty lines", "\r\n\n   \r\nPING\r\n*0\r\n*-1\r\nPING\r\n"},
	{"quotes", "SET 'a b' \"c\\x41\\n\\t\\\"\"\r\nGET \"a b\"\r\nSET 'it\\'s' x\r\nGET it's\r\nPING \"\"\r\nECHO \"\\q\"\r\n"},
	{"unbalanced", "PING\r\nSET \"a\r\nPING\r\n"},
	{"unbalanced 2", "SET \"a\"b c\r\n"},
	{"unbalanced 3", "SET 'a\r\n"},
	{"multibulk length", "*abc\r\n"},
	{"multibulk huge", "*2147483648\r\n"},
	{"multibulk plus", "*+1\r\n"},
	{"multibulk zero pad", "*01\r\n"},
	{"multibulk empty", "*\r\n"},
	{"bulk type", "*1\r\nPING\r\n"},
	{"bulk type empty", "*1\r\n\r\nPING\r\n"},
	{"bulk length", "*1\r\n$abc\r\n"},
	{"bulk negative", "*1\r\n$-1\r\n"},
	{"bulk huge", "*1\r\n$536870913\r\n"},
	{"bulk end", "*1\r\n$4\r\nPINGxxPING\r\n"},
	{"inline too big", endless + strings.Repeat("a", 90000)},
	{"count too big", endless + "*" + strings.Repeat("1", 90000)},
	{"bulk count too big", endless + "*1\r\n$" + strings.Repeat("1", 90000)},
	{"nul in line", "PING\x00x\r\nPING\r\n"},
	{"http get", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"http post", "POST / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"http host", "PING\r\nHost: a\r\nPING\r\n"},
	{"tls hello", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x01", 154) + "\r\n"},
	{"strings", "SET a 1\r\nGET a\r\nINCR a\r\nINCRBY a 10\r\nDECR a\r\nDECRBY a 3\r\nAPPEND a xyz\r\nSTRLEN a\r\nINCR a\r\nGETRANGE a 0 -2\r\nSUBSTR a -2 -1\r\nSETRANGE a 2 QQ\r\nGET a\r\nGETSET a new\r\nGETDEL a\r\nGET a\r\nMSET x 1 y 2\r\nMGET x y z\r\nMSET x\r\nMSET x 1 y\r\nMSETNX x 1 q 2\r\nMSETNX q 1 r 2\r\nSETNX q 1\r\nINCRBYFLOAT f 1.5\r\nINCRBYFLOAT f 1e2\r\nINCRBYFLOAT f abc\r\nINCRBY x 9223372036854775807\r\nDECRBY x -9223372036854775808\r\n"},
	{"set options", "SET a 1 NX\r\nSET a 2 NX\r\nSET a 3 XX\r\nSET b 3 XX\r\nSET a 4 GET\r\nSET a 5 EX 100\r\nTTL a\r\nSET a 6 KEEPTTL\r\nTTL a\r\nSET a 7 EX 0\r\nSET a 7 EX x\r\nSET a 7 EX\r\nSET a 7 FOO\r\nSET a 7 NX XX\r\nSET a 7 PXAT 1\r\nGET a\r\nSET a 1 EX 9223372036854775807\r\nSETEX s 10 v\r\nTTL s\r\nSETEX s 0 v\r\nPSETEX s -1 v\r\nGETEX s PERSIST\r\nTTL s\r\nGETEX s EX\r\nSET n x NX GET\r\nSET n y NX GET\r\n"},
	{"bits", "SETBIT b 7 1\r\nGETBIT b 7\r\nGETBIT b 100\r\nBITCOUNT b\r\nSETBIT b 7 2\r\nSETBIT b -1 1\r\nSETBIT b 99999999999 1\r\nBITCOUNT b 0 0\r\nBITCOUNT b 0\r\nBITCOUNT b 5 7 BIT\r\nOBJECT ENCODING b\r\n"},
	{"keys", "MSET one 1 two 2\r\nEXISTS one two three one\r\nTYPE one\r\nTYPE nope\r\nTTL one\r\nTTL nope\r\nEXPIRE one 100\r\nTTL one\r\nPERSIST one\r\nPERSIST one\r\nEXPIRE one 100 XX\r\nEXPIRE one 100 NX\r\nEXPIRE one 50 GT\r\nEXPIRE one 50 LT\r\nEXPIRE one 1 NX XX\r\nEXPIRE one 1 GT LT\r\nEXPIRE one 1 foo\r\nEXPIRE one x\r\nEXPIRE one 9223372036854775807\r\nEXPIREAT one 1\r\nEXISTS one\r\nRENAME nope x\r\nRENAME two 2\r\nGET 2\r\nRENAMENX 2 2\r\nRENAME 2 2\r\nKEYS *\r\nKEYS [13]\r\nKEYS ?\r\nDBSIZE\r\nRANDOMKEY\r\nDEL 2 3\r\nUNLINK 2\r\nRANDOMKEY\r\nTOUCH a\r\nOBJECT ENCODING x\r\nOBJECT FREQ x\r\n"},
	{"databases", "SELECT 1\r\nSET a 1\r\nSELECT 16\r\nSELECT -1\r\nSELECT x\r\nMOVE a 1\r\nMOVE a 99\r\nMOVE a 2\r\nMOVE a 2\r\nSELECT 2\r\nGET a\r\nSWAPDB 2 3\r\nGET a\r\nSWAPDB a 3\r\nSWAPDB 0 99\r\nCOPY a b\r\nSELECT 3\r\nCOPY a b\r\nCOPY a b\r\nCOPY a b REPLACE\r\nCOPY a a\r\nCOPY a c DB 7\r\nCOPY a c DB 99\r\nFLUSHDB\r\nDBSIZE\r\nFLUSHALL SYNC\r\nFLUSHALL x\r\nFLUSHDB a b\r\n"},
	{"lists", "RPUSH l a b c\r\nLPUSH l z\r\nLRANGE l 0 -1\r\nLRANGE l -2 -1\r\nLRANGE l 5 9\r\nLRANGE l x 1\r\nLLEN l\r\nLINDEX l 0\r\nLINDEX l -1\r\nLINDEX l 9\r\nLSET l 0 Z\r\nLSET l 9 Z\r\nLSET nope 0 Z\r\nLREM l 1 b\r\nLREM l -1 Z\r\nLINSERT l BEFORE c X\r\nLINSERT l AFTER nope X\r\nLINSERT l x c X\r\nLINSERT nope AFTER c X\r\nLTRIM l 0 1\r\nLRANGE l 0 -1\r\nLPOP l\r\nRPOP l 5\r\nLPOP l\r\nLPOP l 2\r\nLPOP l -1\r\nLPOP l 1 2\r\nLPUSHX l a\r\nRPUSH l 1 2 3 1 2 1\r\nLPOS l 1\r\nLPOS l 1 RANK 2\r\nLPOS l 1 COUNT 0\r\nLPOS l 1 RANK -1 COUNT 2\r\nLPOS l 1 RANK 0\r\nLPOS l 9\r\nLPOS l 9 COUNT 0\r\nRPOPLPUSH l m\r\nRPOPLPUSH nope m\r\nLMOVE l m LEFT RIGHT\r\nLMOVE l m LEFT x\r\nBLPOP m 1\r\nBLPOP nope 0.01\r\nBLPOP m -1\r\nBLPOP m x\r\nBRPOPLPUSH nope m 0.01\r\nSET s 1\r\nLPUSH s 1\r\nLRANGE s 0 1\r\nGET l\r\nOBJECT ENCODING l\r\n"},
	{"hashes", "HSET h a 1 b 2\r\nHSET h a 3 c 4\r\nHSET h a\r\nHMSET h d 5\r\nHGET h a\r\nHGET h z\r\nHMGET h a z b\r\nHGETALL h\r\nHKEYS h\r\nHVALS h\r\nHLEN h\r\nHEXISTS h a\r\nHDEL h a z\r\nHSETNX h b 9\r\nHSETNX h e 9\r\nHINCRBY h e 5\r\nHINCRBY h e x\r\nHSET h t text\r\nHINCRBY h t 1\r\nHINCRBYFLOAT h e 0.5\r\nHINCRBYFLOAT h t 0.5\r\nHSTRLEN h t\r\nHSCAN h 0\r\nHSCAN h 0 MATCH t*\r\nHSCAN h x\r\nHGETALL nope\r\nHMGET nope a\r\nHRANDFIELD nope\r\nHRANDFIELD nope 3\r\nHRANDFIELD h 1 x\r\nDEL h\r\nHSET h f v\r\nHRANDFIELD h 5 WITHVALUES\r\nOBJECT ENCODING h\r\nGET h\r\n"},
	{"sets", "SADD s 3 1 2\r\nSADD s 1 5\r\nSMEMBERS s\r\nSCARD s\r\nSISMEMBER s 1\r\nSISMEMBER s 9\r\nSMISMEMBER s 1 9\r\nSREM s 1 9\r\nSADD t 2 3 4\r\nSINTER s t\r\nSUNION s t\r\nSDIFF s t\r\nSINTERSTORE d s t\r\nSMEMBERS d\r\nSUNIONSTORE d s t\r\nSDIFFSTORE d s s\r\nEXISTS d\r\nSINTERCARD 2 s t\r\nSINTERCARD 0 s\r\nSINTERCARD 3 s\r\nSINTERCARD 2 s t LIMIT 1\r\nSMOVE s t 5\r\nSMOVE s t 99\r\nSSCAN s 0\r\nSPOP nope\r\nSPOP nope 2\r\nSPOP s 0\r\nSPOP s -1\r\nSRANDMEMBER nope\r\nSRANDMEMBER nope 2\r\nOBJECT ENCODING s\r\nSADD s a\r\nOBJECT ENCODING s\r\nGET s\r\n"},
	{"zsets", "ZADD z 1 a 2 b 3 c\r\nZADD z 5 a\r\nZADD z CH 6 a 7 d\r\nZADD z NX 9 a\r\nZADD z XX 9 q\r\nZADD z INCR 1.5 a\r\nZADD z NX XX 1 a\r\nZADD z GT LT 1 a\r\nZADD z INCR 1 a 2 b\r\nZADD z 1\r\nZADD z x a\r\nZSCORE z a\r\nZSCORE z nope\r\nZMSCORE z a nope\r\nZCARD z\r\nZRANK z b\r\nZREVRANK z b\r\nZRANK z nope\r\nZRANGE z 0 -1\r\nZRANGE z 0 -1 WITHSCORES\r\nZRANGE z 0 1 REV\r\nZRANGE z (1 +inf BYSCORE\r\nZRANGE z (1 +inf BYSCORE LIMIT 0 1\r\nZRANGE z 0 1 LIMIT 0 1\r\nZREVRANGE z 0 0 WITHSCORES\r\nZRANGEBYSCORE z -inf 3 WITHSCORES\r\nZRANGEBYSCORE z x 3\r\nZREVRANGEBYSCORE z 3 -inf LIMIT 0 1\r\nZRANGEBYLEX z - +\r\nZRANGEBYLEX z [b (d\r\nZRANGEBYLEX z b d\r\nZCOUNT z 1 3\r\nZLEXCOUNT z - +\r\nZINCRBY z 0.1 b\r\nZINCRBY z x b\r\nZSCAN z 0\r\nZREM z a nope\r\nZPOPMIN z\r\nZPOPMAX z 1\r\nZPOPMIN z -1\r\nZPOPMIN nope\r\nZREMRANGEBYRANK z 0 0\r\nZADD z 1 a 2 b 3 c\r\nZREMRANGEBYSCORE z 1 2\r\nZREMRANGEBYLEX z - +\r\nZCARD z\r\nZADD z 3.14159 pi 1e20 big inf i -inf j 0.1 t\r\nZRANGE z 0 -1 WITHSCORES\r\nOBJECT ENCODING z\r\n"},
	{"streams", "XADD s 1-1 a b\r\nXADD s 1-1 a b\r\nXADD s 0-0 a b\r\nXADD s 1-* c d\r\nXADD s x a b\r\nXADD s 5 a\r\nXADD s 5 a b\r\nXLEN s\r\nXRANGE s - +\r\nXREVRANGE s + - COUNT 1\r\nXRANGE s (1-1 +\r\nXRANGE s x +\r\nXDEL s 1-1 9-9\r\nXLEN s\r\nXLEN nope\r\nTYPE s\r\nXADD n NOMKSTREAM 1 a b\r\n"},
	{"scan", "SCAN 0\r\nSET a 1\r\nSCAN 0 COUNT 100\r\nSCAN 0 MATCH b*\r\nSCAN 0 TYPE list\r\nSCAN x\r\nSCAN 0 COUNT 0\r\nSCAN 0 COUNT x\r\nSCAN 0 FOO\r\nSSCAN nope 0\r\n"},
	{"dump", "SET a hello\r\nDUMP a\r\nSET a 5\r\nDUMP a\r\nSET a 70000\r\nDUMP a\r\nSET a 300\r\nDUMP a\r\nRPUSH l 1 abc 70000 -5 -70000 12345678901\r\nDUMP l\r\nSADD s 1 2 70000\r\nDUMP s\r\nHSET h f v g 2\r\nDUMP h\r\nZADD z 1 a 2.5 b\r\nDUMP z\r\nDUMP nope\r\nRESTORE a 0 x\r\nRESTORE b 0 x\r\nRESTORE b -1 x\r\n" + bulks("RESTORE", "b", "0", "\x00\x05hello\x0a\x00\x1a\x00\x00\x00\x00\x00\x00\x00")},
	{"transactions", "MULTI\r\nSET a 1\r\nINCR a\r\nLPUSH a 1\r\nGET a\r\nEXEC\r\nEXEC\r\nDISCARD\r\nMULTI\r\nMULTI\r\nfoo\r\nEXEC\r\nMULTI\r\nGET\r\nEXEC\r\nMULTI\r\nSET a 2\r\nDISCARD\r\nGET a\r\nWATCH a\r\nSET a 3\r\nMULTI\r\nGET a\r\nEXEC\r\nWATCH a\r\nUNWATCH\r\nMULTI\r\nWATCH a\r\nPING\r\nEXEC\r\nMULTI\r\nEXEC foo\r\nEXEC\r\nMULTI\r\nBLPOP q 0\r\nEXEC\r\n"},
	{"pubsub", "SUBSCRIBE a b\r\nPING\r\nPING x\r\nGET a\r\nPSUBSCRIBE p*\r\nUNSUBSCRIBE a\r\nUNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nGET a\r\nPUBLISH a x\r\nPUBSUB CHANNELS\r\nPUBSUB NUMSUB a\r\nPUBSUB NUMPAT\r\nSUBSCRIBE\r\nSSUBSCRIBE s\r\nSUNSUBSCRIBE s\r\n"},
	{"pubsub resp3", "HELLO 3\r\nSUBSCRIBE a\r\nGET a\r\nPUBLISH a hello\r\nPING\r\nUNSUBSCRIBE\r\n"},
	{"resp3", "HELLO 3 SETNAME me\r\nGET nope\r\nHSET h a 1\r\nHGETALL h\r\nSADD s 1\r\nSMEMBERS s\r\nZADD z 1.5 a\r\nZSCORE z a\r\nZRANGE z 0 -1 WITHSCORES\r\nZPOPMIN z\r\nBLPOP l 0.01\r\nCONFIG GET maxmemory\r\nCLIENT GETNAME\r\nLPOP nope 1\r\nEVAL 'return 1' 0\r\nEVAL 'return nil' 0\r\nMULTI\r\nEXEC\r\nCLIENT TRACKINGINFO\r\nLOLWUT\r\nEXEC\r\nHRANDFIELD h 1 WITHVALUES\r\nHELLO 2\r\nGET nope\r\n"},
	{"hello errors", "HELLO 4\r\nHELLO x\r\nHELLO 3 foo\r\nHELLO 3 AUTH a\r\nHELLO 3 AUTH a b\r\nHELLO 3 SETNAME \"a b\"\r\nHELLO 1\r\n"},
	{"auth without password", "AUTH x\r\nAUTH default x\r\nAUTH foo x\r\nAUTH a b c\r\nAUTH\r\n"},
	{"config", "CONFIG GET maxmemory\r\nCONFIG GET nope\r\nCONFIG GET\r\nCONFIG SET foo bar\r\nCONFIG SET dir /tmp\r\nCONFIG SET dbfilename x\r\nCONFIG SET dbfilename a/b\r\nCONFIG SET maxmemory x\r\nCONFIG SET maxmemory 100mb\r\nCONFIG GET maxmemory\r\nCONFIG SET maxmemory 0 maxmemory 1\r\nCONFIG SET hz abc\r\nCONFIG SET appendonly maybe\r\nCONFIG SET maxmemory-policy foo\r\nCONFIG SET databases 3\r\nCONFIG SET save foo\r\nCONFIG SET maxclients 0\r\nCONFIG SET timeout -1\r\nCONFIG SET dir\r\nCONFIG SET a b c\r\nCONFIG SET slave-read-only no\r\nCONFIG GET replica-read-only\r\nCONFIG SET rdbcompression no\r\nCONFIG GET rdbcompression\r\nCONFIG RESETSTAT\r\nCONFIG FOO\r\nCONFIG SET enable-debug-command yes\r\nCONFIG SET stop-writes-on-bgsave-error no\r\n"},
	{"protected", "MODULE LOAD /tmp/x.so\r\nMODULE LOADEX /tmp/x.so\r\nMODULE UNLOAD x\r\nMODULE LIST\r\nDEBUG SLEEP 0\r\nDEBUG\r\nMODULE\r\nMODULE FOO\r\n"},
	{"replication", "ROLE\r\nREPLICAOF a b\r\nREPLICAOF a\r\nSLAVEOF NO ONE\r\nWAIT 0 0\r\nWAIT a 0\r\nWAIT 0 -1\r\nFAILOVER\r\nFAILOVER ABORT\r\nREPLCONF\r\nREPLCONF listening-port 6380\r\nREPLCONF capa eof capa psync2\r\nREPLCONF foo bar\r\nREPLCONF a\r\nMIGRATE h 1 nope 0 100\r\nMIGRATE h 1 nope x 100\r\nPSYNC\r\n"},
	{"cluster", "CLUSTER INFO\r\nCLUSTER NODES\r\nCLUSTER FOO\r\nCLUSTER\r\nREADONLY\r\nREADWRITE\r\nASKING\r\nSENTINEL MASTERS\r\n"},
	{"scripts", "EVAL 'return 1' 0\r\nEVAL \"return {1,2,{3,'x'}}\" 0\r\nEVAL 'return nil' 0\r\nEVAL 'return true' 0\r\nEVAL 'return false' 0\r\nEVAL \"return redis.call('set','k','v')\" 0\r\nEVAL \"return redis.call('get',KEYS[1])\" 1 k\r\nEVAL 'return ARGV[1]' 0 x\r\nEVAL 'return 3.99' 0\r\nEVAL 'return' 0\r\nEVAL 'retur' 0\r\nEVAL 'x=1' 0\r\nEVAL 'return 1' 1\r\nEVAL 'return 1' -1\r\nEVAL 'return 1' x\r\nEVAL 'return package.loadlib' 0\r\nEVAL 'return os.execute(1)' 0\r\nEVAL \"return redis.call('foo')\" 0\r\nEVAL \"return redis.call('get')\" 0\r\nEVAL \"return redis.call('subscribe','a')\" 0\r\nEVAL \"return redis.call('lpush','k','v')\" 0\r\nEVALSHA abc 0\r\nEVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0\r\nSCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db abc\r\nSCRIPT LOAD 'return 1'\r\nSCRIPT LOAD xx\r\nSCRIPT FLUSH\r\nSCRIPT FLUSH x\r\nSCRIPT KILL\r\nFUNCTION LIST\r\nFCALL x 0\r\nEVAL \"return redis.error_reply('X')\" 0\r\nEVAL \"return redis.error_reply('MY ERR')\" 0\r\nEVAL \"return redis.status_reply('FINE')\" 0\r\nEVAL \"return redis.sha1hex('')\" 0\r\nEVAL 'return _VERSION' 0\r\nEVAL '' 0\r\n"},
	{"CVE-2022-0543", "EVAL 'local io_l = package.loadlib(\"/usr/lib/x86_64-linux-gnu/liblua5.1.so.0\", \"luaopen_io\"); local io = io_l(); local f = io.popen(\"id\", \"r\"); local res = f:read(\"*a\"); f:close(); return res' 0\r\n"},
	{"clients", "CLIENT GETNAME\r\nCLIENT SETNAME me\r\nCLIENT GETNAME\r\nCLIENT SETNAME \"a b\"\r\nCLIENT SETINFO lib-name x\r\nCLIENT KILL 1.2.3.4:5\r\nCLIENT KILL ID 999999\r\nCLIENT KILL ID x\r\nCLIENT KILL TYPE foo\r\nCLIENT KILL FOO BAR\r\nCLIENT KILL\r\nCLIENT LIST TYPE foo\r\nCLIENT LIST ID x\r\nCLIENT LIST FOO\r\nCLIENT LIST TYPE replica\r\nCLIENT GETREDIR\r\nCLIENT NO-EVICT ON\r\nCLIENT NO-EVICT x\r\nCLIENT TRACKINGINFO\r\nCLIENT PAUSE x\r\nCLIENT PAUSE 0\r\nCLIENT UNPAUSE\r\nCLIENT UNBLOCK 5\r\nCLIENT UNBLOCK x\r\nCLIENT REPLY foo\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\nCLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\nCLIENT KILL USER nobody\r\n"},
	{"acl", "ACL WHOAMI\r\nACL USERS\r\nACL CAT\r\nACL CAT foo\r\nACL DELUSER default\r\nACL DELUSER nobody\r\nACL GETUSER nobody\r\nACL GENPASS x\r\nACL GENPASS 0\r\nACL LOG\r\nACL LOG RESET\r\nACL LOG x\r\nACL LOAD\r\nACL SAVE\r\nACL SETUSER bob foo\r\nACL SETUSER bob on >x ~* +@all\r\nACL DRYRUN default get a\r\nACL DRYRUN nobody get a\r\nACL DRYRUN default foo\r\nACL FOO\r\n"},
	{"introspection", "LATENCY DOCTOR\r\nLATENCY LATEST\r\nLATENCY HISTORY x\r\nLATENCY RESET\r\nLATENCY GRAPH x\r\nMEMORY DOCTOR\r\nMEMORY USAGE nope\r\nMEMORY USAGE a SAMPLES -1\r\nMEMORY PURGE\r\nSLOWLOG GET\r\nSLOWLOG LEN\r\nSLOWLOG RESET\r\nSLOWLOG GET -2\r\nSLOWLOG GET x\r\nCOMMAND COUNT\r\nCOMMAND GETKEYS get a\r\nCOMMAND GETKEYS mset a 1 b 2\r\nCOMMAND GETKEYS ping\r\nCOMMAND GETKEYS foo x\r\nCOMMAND INFO nope\r\nCOMMAND LIST FOO\r\nLOLWUT\r\nOBJECT REFCOUNT nope\r\nINFO nope\r\n"},
	{"persistence", "SAVE x\r\nSHUTDOWN foo\r\nSHUTDOWN ABORT\r\nBGSAVE x\r\n"},
	{"quit", "PING\r\nQUIT\r\nPING\r\n"},
	{"reset", "SELECT 3\r\nHELLO 3\r\nMULTI\r\nRESET\r\nGET a\r\n"},
	{"wrong types", "SET a 1\r\nLPUSH a 1\r\nHSET a b c\r\nSADD a 1\r\nZADD a 1 b\r\nXADD a 1 b c\r\nHGETALL a\r\nSMEMBERS a\r\nZRANGE a 0 1\r\nLPUSH l 1\r\nINCR l\r\nAPPEND l x\r\nSTRLEN l\r\nSETBIT l 1 1\r\nGETSET l 1\r\nMGET a l\r\nSET l 1 GET\r\nHINCRBY l a 1\r\nGETDEL l\r\nGETEX l\r\nZSCORE l a\r\nSISMEMBER l a\r\nHEXISTS l a\r\nLLEN a\r\nSCARD l\r\nZCARD l\r\nHLEN l\r\n"},
	{"arity", "GET\r\nSET a\r\nDEL\r\nEXPIRE a\r\nHSET h\r\nLPUSH l\r\nZADD z 1\r\nSELECT\r\nKEYS\r\nSCAN\r\nEVAL x\r\nCLIENT SETNAME\r\nOBJECT ENCODING\r\nSLAVEOF a\r\nINCR\r\nRENAME a\r\nDBSIZE x\r\nTIME x\r\nSAVE x\r\nSUBSCRIBE\r\nMULTI x\r\nMONITOR x\r\n"},
}

// scriptsWithPassword are the same for a server that wants a password.
var scriptsWithPassword = []struct{ name, in string }{
	{"no login", "PING\r\nGET a\r\nINFO\r\nfoo\r\nGET\r\nCONFIG GET *\r\nHELLO\r\nHELLO 3\r\nAUTH wrong\r\nAUTH default wrong\r\nAUTH foo s3cret\r\nCOMMAND\r\nMODULE LOAD x\r\nDEBUG x\r\nRESET\r\nQUIT\r\n"},
	{"login", "AUTH s3cret\r\nPING\r\nAUTH wrong\r\nPING\r\nACL WHOAMI\r\nRESET\r\nPING\r\n"},
	{"login by name", "AUTH default s3cret\r\nPING\r\nCONFIG GET requirepass\r\n"},
	{"hello", "HELLO 3 AUTH default wrong\r\nHELLO 2 AUTH default s3cret SETNAME x\r\nPING\r\nCLIENT GETNAME\r\n"},
	{"unauthenticated multibulk", "*11\r\n"},
	{"ten words", bulks("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")},
	{"unauthenticated bulk", "*2\r\n$4\r\nAUTH\r\n$16385\r\n"},
	{"subscribe", "SUBSCRIBE a\r\nMULTI\r\nEXEC\r\n"},
}

// converse sends in and returns everything up to the answer to a last ECHO, to the end of
// the connection, or of patience.
func converse(t *testing.T, addr, in string, patience time.Duration) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const mark = "twin-end-of-session"
	in, noEnd := strings.CutPrefix(in, endless)
	go func() {
		_, _ = c.Write([]byte(in))
		if noEnd {
			return
		}
		_, _ = c.Write([]byte("ECHO " + mark + "\r\nQUIT\r\n"))
	}()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var got bytes.Buffer
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				got.WriteString("<silence>")
			} else if !errors.Is(err, io.EOF) {
				got.WriteString("<reset>")
			}
			return got.String()
		}
		if i := bytes.Index(got.Bytes(), []byte(mark)); i >= 0 {
			return got.String()
		}
	}
}

func compareWithTwin(t *testing.T, twin, ours string, list []struct{ name, in string }, prepare string) {
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			var want, got string
			for _, patience := range []time.Duration{1500 * time.Millisecond, 15 * time.Second} {
				converse(t, twin, prepare, patience)
				converse(t, ours, prepare, patience)
				want, got = mask(converse(t, twin, s.in, patience)), mask(converse(t, ours, s.in, patience))
				if want == got {
					break
				}
			}
			if want != got {
				w, g := strings.Split(want, "\r\n"), strings.Split(got, "\r\n")
				for i := range w {
					if i >= len(g) || w[i] != g[i] {
						t.Fatalf("line %d:\nreal %q\nours %q\nafter\n%q", i, w[i:min(len(w), i+6)], g[min(len(g), i):min(len(g), i+6)], w[max(0, i-6):i])
					}
				}
				t.Fatalf("more than the real one: %q", g[len(w):])
			}
		})
	}
}

var clientID = regexp.MustCompile(`id\r\n:\d+`)

// mask hides what may differ: the number of the connection, and whether it ended in
// silence or a reset, which depends on timing.
func mask(s string) string {
	s = clientID.ReplaceAllString(s, "id\r\n:1")
	return strings.TrimSuffix(strings.TrimSuffix(s, "<reset>"), "<silence>")
}

func TestAnswersAsTheRealServer(t *testing.T) {
	twin := realServer(t)
	_, ours := start(t, services.Config{"keys": "1"})
	compareWithTwin(t, twin, ours, scripts, "FLUSHALL\r\nSCRIPT FLUSH\r\nACL LOG RESET\r\nCONFIG SET maxmemory 0 replica-read-only yes\r\n")
}

func TestAnswersAsTheRealServerWithPassword(t *testing.T) {
	twin := realServer(t, "--requirepass", "s3cret")
	_, ours := start(t, services.Config{"password": "s3cret"})
	compareWithTwin(t, twin, ours, scriptsWithPassword, "AUTH s3cret\r\nFLUSHALL\r\n")
}
