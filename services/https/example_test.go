package https_test

import (
	"errors"
	"fmt"

	"github.com/decnet/decnet"
	"github.com/decnet/decnet/services"
	"github.com/decnet/decnet/services/https"
)

// Settings that cannot be used are refused with what is accepted.
func ExampleService_New() {
	_, err := https.Service{}.New(services.Env{Decky: "decky-01"}, services.Config{"fake_app": "tomcat"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, decnet.ErrSemantic))

	// Output:
	// https: fake_app: "tomcat" is not one of apache_default, nginx_default, wordpress, phpmyadmin, iis_default: semantic
	// true
}
