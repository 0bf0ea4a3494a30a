package web

import (
	"html"
	"strings"
	"time"

	"github.com/decnet/decnet/services"
)

// pmaVersion is the version of the distribution's package.
func pmaVersion(r services.Release) string {
	switch r.VersionID {
	case "12":
		return "5.2.1deb1"
	case "22.04":
		return "5.1.1deb5ubuntu1"
	case "20.04":
		return "4.9.5deb2"
	}
	return "5.2.1"
}

// phpMyAdmin makes s a server whose start page is phpMyAdmin, which is under its usual
// path as well.
func (s *site) phpMyAdmin(p persona, since time.Time) {
	version := pmaVersion(p.id.Release())
	entry := &resource{script: func(x *exchange) *response { return pmaLogin(x, version) }}
	for _, base := range []string{"/", "/phpmyadmin/"} {
		s.paths[base] = entry
		s.paths[base+"index.php"] = entry
		s.paths[base+"robots.txt"] = &resource{page: newPage([]byte("User-agent: *\nDisallow: /\n"), "text/plain", since)}
	}
	s.paths["/phpmyadmin/setup/"] = &resource{realm: "phpMyAdmin Setup"}
	s.paths["/phpmyadmin/libraries/"] = &resource{status: 403}
	s.paths["/phpmyadmin/templates/"] = &resource{status: 403}
	s.paths["/phpmyadmin/themes/pmahomme/css/theme.css"] = &resource{page: newPage([]byte("body{font-family:sans-serif;color:#444;background:#fff}\n#loginform{margin:1em auto;text-align:center}\n"), "text/css", since)}
}

// pmaLogin shows the log-in form, with the database's refusal when it was filled in.
func pmaLogin(x *exchange, version string) *response {
	user, password := x.content.value("pma_username"), x.content.value("pma_password")
	problem := ""
	if x.request.method == "POST" && user != "" {
		using := "YES"
		if password == "" {
			using = "NO"
		}
		problem = "<div id=\"pma_errors\"><div class=\"alert alert-danger\" role=\"alert\"><img src=\"themes/dot.gif\" title=\"\" alt=\"\" class=\"icon ic_s_error\"> Cannot log in to the MySQL server</div>" +
			"<div class=\"alert alert-danger\" role=\"alert\">mysqli::real_connect(): (HY000/1045): Access denied for user &#039;" + html.EscapeString(user) + "&#039;@&#039;localhost&#039; (using password: " + using + ")</div></div>"
	}
	session, token := x.nonce(), x.nonce()
	base := "/"
	if strings.HasPrefix(x.request.path, "/phpmyadmin/") {
		base = "/phpmyadmin/"
	}
	now := x.env.Now().UTC().Format(httpDate)
	kind := secureCookie(x) + "; HttpOnly; SameSite=Strict"
	const csp = "default-src 'self' ;script-src 'self' 'unsafe-inline' 'unsafe-eval' ;style-src 'self' 'unsafe-inline' ;img-src 'self' data:  *.tile.openstreetmap.org;object-src 'none';"
	fields := []field{
		{"Set-Cookie", "phpMyAdmin=" + session + "; path=" + base + kind},
		{"Expires", now},
		{"Cache-Control", "no-store, no-cache, must-revalidate,  pre-check=0, post-check=0, max-age=0"},
		{"Set-Cookie", "pma_lang=en; expires=" + x.env.Now().UTC().Add(30*24*time.Hour).Format("Mon, 02-Jan-2006 15:04:05 GMT") + "; Max-Age=2592000; path=" + base + kind},
		{"X-ob_mode", "1"},
		{"X-Frame-Options", "DENY"},
		{"Referrer-Policy", "no-referrer"},
		{"Content-Security-Policy", csp},
		{"X-Content-Security-Policy", csp},
		{"X-XSS-Protection", "1; mode=block"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Permitted-Cross-Domain-Policies", "none"},
		{"X-Robots-Tag", "noindex, nofollow"},
		{"Pragma", "no-cache"},
		{"Last-Modified", now},
	}
	return &response{status: 200, ctype: "text/html; charset=utf-8", fields: fields, script: true, body: pageText("phpmyadmin.html",
		"{version}", version, "{error}", problem, "{user}", html.EscapeString(user), "{session}", session, "{token}", token)}
}
