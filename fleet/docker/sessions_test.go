package docker

import "testing"

func TestEstablished(t *testing.T) {
	t.Parallel()
	// A listener, a connection of 10.99.0.50 to 10.99.0.11, one that is closing, and one of
	// the decky with itself; then the same of IPv6.
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532        0 201 1 0 100 0 0 10 0
   1: 0B00630A:0016 3200630A:9C41 01 00000000:00000000 00:00000000 00000000 65532        0 202 1 0 20 4 30 10 -1
   2: 0B00630A:0016 3200630A:9C42 06 00000000:00000000 03:00000F3A 00000000     0        0 0 3 0
   3: 0B00630A:0016 0B00630A:9C43 01 00000000:00000000 00:00000000 00000000 65532        0 203 1 0 20 4 30 10 -1
`
	const table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 204 1 0 100 0 0 10 0
   1: 000000FD000000000000000011000000:0050 000000FD000000000000000050000000:8D2E 01 00000000:00000000 00:00000000 00000000     0        0 205 1 0 20 4 30 10 -1
`
	for text, want := range map[string]int{table: 1, table6: 1, "": 0, "header\nshort\n": 0, table + table6: 2} {
		if got := established([]byte(text)); got != want {
			t.Errorf("%d, want %d:\n%s", got, want, text)
		}
	}
}
