package web

import (
	"embed"
	"strings"
	"time"

	"github.com/decnet/decnet/services"
)

//go:embed pages/*.html
var pages embed.FS

// pageText returns the embedded page called name with its {placeholders} replaced.
func pageText(name string, pairs ...string) []byte {
	text, err := pages.ReadFile("pages/" + name)
	if err != nil {
		panic(err) // the name is one of this package's own constants
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(text)))
}

// site is what a persona's server has under its paths. It is constant and safe for
// concurrent use.
type site struct {
	name   string // FQDN
	status int    // of every answer; 0: what fits
	bare   bool   // with status: the product's error page instead of content
	files  *files
	all    *resource // under every path; nil: what follows
	paths  map[string]*resource
	rest   func(path string) *resource // for paths that are not in paths; nil: nothing
}

func newSite(p persona, dir string) (*site, error) {
	s := &site{name: p.name, status: p.status, paths: make(map[string]*resource)}
	s.bare = p.status >= 300 && p.custom == "" && !p.given
	since := installed(p.id).Add(time.Duration(p.id.Rand("web.micros").Int64N(1e6)) * time.Microsecond)
	switch {
	case p.custom != "":
		s.all = &resource{page: newPage([]byte(p.custom), "text/html", since)}
	case p.app == appWordPress:
		s.wordpress(p)
	case p.app == appPHPMyAdmin:
		s.phpMyAdmin(p, since)
	default:
		s.defaultPages(p, since)
	}
	var err error
	s.files, err = openFiles(dir)
	return s, err
}

func (s *site) close() {
	if s.files != nil {
		s.files.root.Close()
	}
}

// find returns what is at path, an absolute one without dot segments; nil: nothing.
func (s *site) find(path string) *resource {
	if s.files != nil {
		if res := s.files.find(path); res != nil {
			return res
		}
	}
	if s.all != nil {
		return s.all
	}
	if res, ok := s.paths[path]; ok {
		return res
	}
	if _, ok := s.paths[path+"/"]; ok {
		return &resource{dir: true}
	}
	if s.rest != nil {
		return s.rest(path)
	}
	return nil
}

// defaultPages fills the site with what a freshly installed server shows, and one
// directory that somebody has locked since.
func (s *site) defaultPages(p persona, since time.Time) {
	release := p.id.Release()
	index := "/index.html"
	var body []byte
	switch {
	case p.app == appIIS:
		index = "/iisstart.htm"
		body = pageText("iis.html")
	case p.app == appNginx && release.Package == "apt":
		index = "/index.nginx-debian.html"
		body = pageText("nginx.html", "{distro}", release.PrettyName)
	case p.app == appNginx:
		body = pageText("nginx.html", "{distro}", release.PrettyName)
	default:
		body = apachePage(release)
	}
	page := &resource{page: newPage(body, "text/html", since)}
	s.paths["/"], s.paths[index] = page, page
	s.lock(p, since)
}

// lock adds a protected directory and, on some deckies, a robots.txt that gives it away.
func (s *site) lock(p persona, since time.Time) {
	r := p.id.Rand("web.locked")
	dirs := [...]string{"/admin", "/backup", "/private", "/stats", "/internal", "/monitoring", "/reports", "/staging"}
	realms := [...]string{"Restricted", "Restricted Content", "Administration", "Authentication required", "Staff only", p.name}
	dir := dirs[r.IntN(len(dirs))]
	locked := &resource{
		realm:  realms[r.IntN(len(realms))],
		digest: strings.HasPrefix(p.server, "Apache") && r.IntN(4) == 0,
	}
	s.paths[dir], s.paths[dir+"/"] = locked, locked
	s.rest = func(path string) *resource {
		if strings.HasPrefix(path, dir+"/") {
			return locked
		}
		return nil
	}
	if r.IntN(3) > 0 {
		later := since.Add(time.Duration(1+r.IntN(200)) * time.Hour)
		s.paths["/robots.txt"] = &resource{page: newPage([]byte("User-agent: *\nDisallow: "+dir+"/\n"), "text/plain", later)}
	}
}

// apachePage is the page that comes with the distribution's package.
func apachePage(release services.Release) []byte {
	switch release.Package {
	case "apt":
		name, colour, reporter := "Debian", "#c4113c", "reportbug"
		if release.ID == "ubuntu" {
			name, colour, reporter = "Ubuntu", "#d05218", "ubuntu-bug"
		}
		return pageText("apache.html", "{distro}", name, "{colour}", colour, "{reporter}", reporter)
	case "dnf", "yum":
		return pageText("apache-rpm.html", "{distro}", release.Name)
	}
	return []byte("<html><body><h1>It works!</h1></body></html>\n")
}
