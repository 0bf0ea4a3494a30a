package pot_test

import (
	"debug/elf"
	"fmt"
	"io/fs"

	"github.com/decnet/decnet/fleet/pot"
)

// A program becomes an image without an engine; whoever has one builds it.
func ExampleNewImage() {
	program := make([]byte, 64) // the header of an executable is enough here
	copy(program, elf.ELFMAG+"\x02\x01\x01")
	program[16], program[18], program[20] = byte(elf.ET_EXEC), byte(elf.EM_X86_64), byte(elf.EV_CURRENT)
	image, err := pot.NewImage(program)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(image.Name)
	text, err := fs.ReadFile(image.Context, "Dockerfile")
	fmt.Printf("%serror: %v\n", text, err)
	// Output:
	// decnet-pot:651c5b03d15c
	// FROM scratch
	// COPY decnet-pot /decnet-pot
	// USER 65532:65532
	// ENTRYPOINT ["/decnet-pot"]
	// error: <nil>
}
