package store_test

import (
	"fmt"
	"log"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/store"
)

// A filter also selects records that are in no store, such as those of a live stream.
func ExampleFilter_Matcher() {
	match, err := store.Filter{Search: `service:ssh command:"cat /etc/passwd"`}.Matcher()
	if err != nil {
		log.Fatal(err)
	}
	for _, command := range []string{"id", "cat /etc/passwd"} {
		r := store.Record{Event: decnet.Event{Service: "ssh", Fields: []decnet.Field{decnet.F("command", command)}}}
		fmt.Println(command, match(&r))
	}
	// Output:
	// id false
	// cat /etc/passwd true
}

func ExampleAppendFields() {
	text := store.AppendFields(nil, []decnet.Field{
		decnet.F("username", "root"), decnet.F("password", "it's \xff"), decnet.F("username", "admin"),
	})
	fmt.Printf("%s\n", text)
	fields, err := store.ParseFields(string(text))
	fmt.Printf("%q %v\n", fields[1].Value, err)
	// Output:
	// {"username":"root","password":"it's \udcff","username":"admin"}
	// "it's \xff" <nil>
}
