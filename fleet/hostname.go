package fleet

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

var hostWords = [...]string{
	"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet",
	"kilo", "lima", "mike", "nova", "oscar", "prod", "web", "db", "mail", "proxy",
	"dev", "stage", "backup", "monitor", "files",
}

// Hostname draws a host name in the given style that is not in taken, whose keys are
// lower-case. Names have numbers of two digits; where a fleet has used up most of these,
// they become longer.
func Hostname(style HostnameStyle, r *rand.Rand, taken map[string]bool) string {
	for limit := 100; ; limit += limit / 10 {
		for range 20 {
			word, number := hostWords[r.IntN(len(hostWords))], 10+r.IntN(limit-10)
			var name string
			switch style {
			case StyleRHEL:
				name = fmt.Sprintf("%s%d.localdomain", word, number)
			case StyleMinimal:
				name = fmt.Sprintf("%s-%d", word, number)
			case StyleRolling:
				name = word + "-" + hostWords[r.IntN(len(hostWords))]
				if limit > 100 {
					name = fmt.Sprintf("%s%d", name, number)
				}
			default:
				name = fmt.Sprintf("SRV-%s-%d", strings.ToUpper(word), number)
			}
			if !taken[strings.ToLower(name)] {
				return name
			}
		}
	}
}
