package web

import (
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/decnet/decnet"
)

// wordpress is a WordPress installation as its seed made it.
type wordpress struct {
	title, tagline        string
	version               string
	theme, themeVersion   string
	login, display, email string // of the first user
	posts                 []post
}

type post struct {
	slug, title, text string
	date              time.Time
}

// The stock of which installations are made.
var (
	wpNames = []string{"Harborview", "Oakfield", "Brightwater", "Northgate", "Stonebridge", "Larkspur", "Millbrook", "Redwood", "Fairhaven", "Kestrel", "Alder & Pine", "Westmoor"}
	wpKinds = []string{"Dental Care", "Logistics", "Primary School", "Garden Centre", "Property Management", "Physiotherapy", "Engineering", "Choir", "Accounting", "Bakery", "Cycling Club", "Consulting"}
	wpLines = []string{"Serving the community since 1987", "Just another WordPress site", "News and information", "Quality you can rely on", "Independent and local", "Welcome"}
	wpUsers = [][2]string{{"admin", "admin"}, {"webmaster", "Webmaster"}, {"editor", "Editor"}, {"j.keller", "Julia Keller"}, {"mhughes", "Martin Hughes"}, {"sandra", "Sandra"}, {"office", "Office"}, {"tnowak", "Tomasz Nowak"}}
	wpPosts = [][2]string{
		{"New opening hours", "From the first of the month we open half an hour earlier on weekdays. Saturday hours stay as they are."},
		{"We are hiring", "Our team is looking for a part-time colleague. Please send your application by e-mail or hand it in at the front desk."},
		{"Annual meeting", "The minutes of the annual meeting have been sent to all members. Printed copies are available on request."},
		{"Website maintenance", "The site was moved to a new server last week. If something does not work as it should, please let us know."},
		{"Parking during the roadworks", "Until the roadworks are over please use the entrance on the north side. Visitor parking is signposted."},
		{"Thank you", "Thank you to everybody who came to our open day. Pictures will follow in the gallery."},
		{"Price list updated", "The price list for this year is now online. Existing contracts are not affected."},
		{"Closed over the holidays", "Our office is closed over the holidays. Urgent messages are read once a day."},
	}
	wpVersions = []string{"6.4.5", "6.5.5", "6.6.2", "6.7.1", "6.7.2"}
	wpThemes   = [][2]string{{"twentytwentythree", "1.6"}, {"twentytwentyfour", "1.3"}, {"twentytwentyfive", "1.0"}, {"twentytwentyone", "2.4"}}
)

func newWordPress(p persona) *wordpress {
	r := p.id.Rand("web.wordpress")
	user := wpUsers[r.IntN(len(wpUsers))]
	theme := wpThemes[r.IntN(len(wpThemes))]
	w := &wordpress{
		title:   wpNames[r.IntN(len(wpNames))] + " " + wpKinds[r.IntN(len(wpKinds))],
		tagline: wpLines[r.IntN(len(wpLines))],
		version: wpVersions[r.IntN(len(wpVersions))],
		theme:   theme[0], themeVersion: theme[1],
		login: user[0], display: user[1], email: user[0] + "@" + p.name,
	}
	date := installed(p.id)
	for _, i := range r.Perm(len(wpPosts))[:3+r.IntN(3)] {
		date = date.Add(time.Duration(1+r.IntN(40*24)) * time.Hour)
		w.posts = append(w.posts, post{strings.ReplaceAll(strings.ToLower(wpPosts[i][0]), " ", "-"), wpPosts[i][0], wpPosts[i][1], date})
	}
	return w
}

const htmlType = "text/html; charset=UTF-8"

// wordpress makes s a WordPress site.
func (s *site) wordpress(p persona) {
	w := newWordPress(p)
	script := func(path string, f func(x *exchange) *response) { s.paths[path] = &resource{script: f} }
	empty := func(*exchange) *response { return &response{status: 200, ctype: htmlType, script: true} }
	script("/", w.front)
	script("/index.php", w.front)
	script("/wp-login.php", w.logIn)
	script("/xmlrpc.php", w.xmlrpc)
	script("/wp-admin/admin-ajax.php", func(*exchange) *response {
		return &response{status: 400, ctype: htmlType, fields: noCache, body: []byte("0"), script: true}
	})
	script("/wp-admin/install.php", func(x *exchange) *response {
		return &response{status: 200, ctype: htmlType, fields: noCache, script: true, body: []byte("<!DOCTYPE html>\n<html lang=\"en-US\">\n<head>\n\t<title>WordPress &rsaquo; Installation</title>\n</head>\n<body class=\"wp-core-ui\">\n<h1>Already Installed</h1><p>You appear to have already installed WordPress. To reinstall please clear your old database tables first.</p><p class=\"step\"><a href=\"" + siteURL(x) + "/wp-login.php\" class=\"button button-large\">Log In</a></p></body></html>\n")}
	})
	for _, path := range []string{"/wp-config.php", "/wp-cron.php", "/wp-load.php", "/wp-settings.php", "/wp-content/", "/wp-content/index.php", "/wp-content/plugins/", "/wp-content/themes/", "/wp-content/plugins/index.php", "/wp-content/themes/index.php"} {
		script(path, empty)
	}
	for _, path := range []string{"/wp-includes/", "/wp-content/uploads/", "/wp-admin/css/", "/wp-admin/includes/"} {
		s.paths[path] = &resource{status: 403}
	}
	script("/robots.txt", func(x *exchange) *response {
		return &response{status: 200, ctype: "text/plain; charset=UTF-8", fields: w.links(x), script: true,
			body: []byte("User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n\nSitemap: " + siteURL(x) + "/wp-sitemap.xml\n")}
	})
	released := installed(p.id).Add(-time.Duration(p.id.Rand("web.release").IntN(30*24)) * time.Hour)
	s.paths["/readme.html"] = &resource{page: newPage(w.readme(), "text/html", released)}
	s.paths["/license.txt"] = &resource{page: newPage([]byte("WordPress - Web publishing software\n\nCopyright 2011-2024 by the contributors\n\nThis program is free software under the terms of the GNU General Public License, version 2 or later.\n"), "text/plain", released)}
	s.paths["/wp-includes/wlwmanifest.xml"] = &resource{page: newPage([]byte(`<?xml version="1.0" encoding="utf-8" ?>`+"\n\n"+`<manifest xmlns="http://schemas.microsoft.com/wlw/manifest/weblog">`+"\n\n  <options>\n    <clientType>WordPress</clientType>\n\t<supportsKeywords>Yes</supportsKeywords>\n\t<supportsGetTags>Yes</supportsGetTags>\n  </options>\n\n  <weblog>\n    <serviceName>WordPress</serviceName>\n    <homepageLinkText>View site</homepageLinkText>\n    <adminLinkText>Dashboard</adminLinkText>\n    <adminUrl>\n      <![CDATA[\n\t\t\t{blog-postapi-url}/../wp-admin/\n\t\t]]>\n    </adminUrl>\n  </weblog>\n\n</manifest>\n"), "text/xml", released)}
	s.paths["/wp-content/themes/"+w.theme+"/style.css"] = &resource{page: newPage(w.style(), "text/css", released)}
	s.rest = w.rest
}

func siteURL(x *exchange) string {
	host := x.request.authority()
	if host == "" {
		host = x.site.name
	}
	return x.request.scheme() + "://" + html.EscapeString(host)
}

var noCache = []field{
	{"Expires", "Wed, 11 Jan 1984 05:00:00 GMT"},
	{"Cache-Control", "no-cache, must-revalidate, max-age=0"},
}

func (w *wordpress) links(x *exchange) []field {
	return []field{{"Link", "<" + siteURL(x) + `/wp-json/>; rel="https://api.w.org/"`}}
}

// rest finds what WordPress's rewrite rules lead to, which is everything that is no file.
func (w *wordpress) rest(path string) *resource {
	script := func(f func(x *exchange) *response) *resource { return &resource{script: f} }
	switch {
	case path == "/wp-json" || strings.HasPrefix(path, "/wp-json/"):
		return script(func(x *exchange) *response { return w.api(x, strings.TrimPrefix(path, "/wp-json")) })
	case path == "/wp-admin" || strings.HasPrefix(path, "/wp-admin/") && (strings.HasSuffix(path, "/") || strings.HasSuffix(path, ".php")):
		return script(w.admin)
	case path == "/feed" || path == "/feed/" || path == "/comments/feed/":
		return script(w.feed)
	case path == "/wp-sitemap.xml":
		return script(w.sitemap)
	case strings.TrimSuffix(path, "/") == "/author/"+w.slug():
		return script(w.author)
	case strings.HasPrefix(path, "/wp-includes/") || strings.HasPrefix(path, "/wp-content/"):
		return script(w.missing)
	}
	for i := range w.posts {
		if strings.Trim(path, "/") == w.posts[i].slug {
			return script(func(x *exchange) *response { return w.single(x, w.posts[i]) })
		}
	}
	return script(w.missing)
}

func (w *wordpress) slug() string { return strings.ReplaceAll(w.login, ".", "-") }

// page renders the theme around content.
func (w *wordpress) page(x *exchange, status int, class, heading, content string) *response {
	fields := w.links(x)
	if status == 404 {
		fields = append(noCache[:2:2], fields...)
	}
	return &response{status: status, ctype: htmlType, fields: fields, script: true, body: pageText("wordpress.html",
		"{heading}", heading, "{title}", html.EscapeString(w.title), "{tagline}", html.EscapeString(w.tagline), "{url}", siteURL(x),
		"{version}", w.version, "{theme}", w.theme, "{themeversion}", w.themeVersion, "{class}", class, "{content}", content)}
}

func (w *wordpress) front(x *exchange) *response {
	q, _ := url.ParseQuery(x.request.query)
	if route := q.Get("rest_route"); route != "" {
		return w.api(x, route)
	}
	if q.Get("author") == "1" {
		return &response{status: 301, ctype: htmlType, script: true, fields: append(w.links(x), field{"X-Redirect-By", "WordPress"},
			field{"Location", siteURL(x) + "/author/" + w.slug() + "/"})}
	}
	var b strings.Builder
	for i := len(w.posts) - 1; i >= 0; i-- {
		w.article(&b, x, w.posts[i])
	}
	return w.page(x, 200, "home blog", html.EscapeString(w.title+" – "+w.tagline), b.String())
}

func (w *wordpress) article(b *strings.Builder, x *exchange, p post) {
	fmt.Fprintf(b, "<article class=\"wp-block-post post type-post\"><h2 class=\"wp-block-post-title\"><a href=\"%s/%s/\" target=\"_self\">%s</a></h2>\n"+
		"<div class=\"entry-content\"><p>%s</p></div>\n<div class=\"wp-block-post-date\"><time datetime=\"%s\">%s</time> by <a href=\"%s/author/%s/\">%s</a></div></article>\n",
		siteURL(x), p.slug, p.title, p.text, p.date.Format("2006-01-02T15:04:05+00:00"), p.date.Format("January 2, 2006"), siteURL(x), w.slug(), w.display)
}

func (w *wordpress) single(x *exchange, p post) *response {
	var b strings.Builder
	w.article(&b, x, p)
	return w.page(x, 200, "single single-post", p.title+" &#8211; "+html.EscapeString(w.title), b.String())
}

func (w *wordpress) author(x *exchange) *response {
	var b strings.Builder
	for _, p := range w.posts {
		w.article(&b, x, p)
	}
	return w.page(x, 200, "archive author author-"+w.slug()+" author-1", w.display+" &#8211; "+html.EscapeString(w.title), b.String())
}

func (w *wordpress) missing(x *exchange) *response {
	return w.page(x, 404, "error404", "Page not found &#8211; "+html.EscapeString(w.title),
		"<h1 class=\"wp-block-heading\">Page Not Found</h1>\n<p>The page you are looking for does not exist, or it has been moved. Please try searching using the form below.</p>")
}

func (w *wordpress) admin(x *exchange) *response {
	target := siteURL(x) + x.request.path
	return &response{status: 302, ctype: htmlType, script: true, fields: append(noCache[:2:2], field{"X-Redirect-By", "WordPress"},
		field{"Location", siteURL(x) + "/wp-login.php?redirect_to=" + url.QueryEscape(target) + "&reauth=1"})}
}

// logIn is wp-login.php. Nobody gets in.
func (w *wordpress) logIn(x *exchange) *response {
	q, _ := url.ParseQuery(x.request.query)
	user, password := x.content.value("log"), x.content.value("pwd")
	problem := ""
	if x.request.method == "POST" {
		problem = w.problem(x, user, password)
	}
	redirect := q.Get("redirect_to")
	if redirect == "" {
		redirect = siteURL(x) + "/wp-admin/"
	}
	fields := append(noCache[:2:2], field{"Set-Cookie", "wordpress_test_cookie=WP%20Cookie%20check; path=/" + secureCookie(x)},
		field{"X-Frame-Options", "SAMEORIGIN"}, field{"Referrer-Policy", "strict-origin-when-cross-origin"})
	if problem != "" {
		problem = "<div id=\"login_error\" class=\"notice notice-error\"><p>" + problem + "</p></div>"
	}
	return &response{status: 200, ctype: htmlType, fields: fields, script: true, body: pageText("wp-login.html",
		"{title}", html.EscapeString(w.title), "{url}", siteURL(x), "{version}", w.version, "{error}", problem,
		"{user}", html.EscapeString(user), "{redirect}", html.EscapeString(redirect))}
}

func secureCookie(x *exchange) string {
	if x.request.secure {
		return "; secure"
	}
	return ""
}

func (w *wordpress) problem(x *exchange, user, password string) string {
	lost := " <a href=\"" + siteURL(x) + "/wp-login.php?action=lostpassword\">Lost your password?</a>"
	switch {
	case user == "":
		return "<strong>Error:</strong> The username field is empty."
	case password == "":
		return "<strong>Error:</strong> The password field is empty."
	case strings.EqualFold(user, w.login):
		return "<strong>Error:</strong> The password you entered for the username <strong>" + html.EscapeString(user) + "</strong> is incorrect." + lost
	case strings.EqualFold(user, w.email):
		return "<strong>Error:</strong> The password you entered for the email address <strong>" + html.EscapeString(user) + "</strong> is incorrect." + lost
	case strings.Contains(user, "@"):
		return "<strong>Error:</strong> Unknown email address. Check again or try your username."
	}
	return "<strong>Error:</strong> The username <strong>" + html.EscapeString(user) + "</strong> is not registered on this site. If you are unsure of your username, try your email address instead."
}

// api is the REST interface, of which only what strangers may read is there.
func (w *wordpress) api(x *exchange, route string) *response {
	base := siteURL(x)
	fields := []field{
		{"X-Robots-Tag", "noindex"}, {"Link", "<" + base + `/wp-json/>; rel="https://api.w.org/"`},
		{"X-Content-Type-Options", "nosniff"}, {"Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link"},
		{"Access-Control-Allow-Headers", "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type"},
	}
	answer := func(status int, body string) *response {
		return &response{status: status, ctype: "application/json; charset=UTF-8", fields: fields, body: []byte(body), script: true}
	}
	user := `{"id":1,"name":` + jsonText(w.display) + `,"url":"","description":"","link":` + jsonText(base+"/author/"+w.slug()+"/") +
		`,"slug":` + jsonText(w.slug()) + `,"meta":[],"_links":{"self":[{"href":` + jsonText(base+"/wp-json/wp/v2/users/1") + `}],"collection":[{"href":` + jsonText(base+"/wp-json/wp/v2/users") + `}]}}`
	switch strings.TrimSuffix(route, "/") {
	case "":
		fields = append(fields, field{"Allow", "GET"})
		return answer(200, `{"name":`+jsonText(w.title)+`,"description":`+jsonText(w.tagline)+`,"url":`+jsonText(base)+`,"home":`+jsonText(base)+
			`,"gmt_offset":"0","timezone_string":"","namespaces":["oembed\/1.0","wp\/v2","wp-site-health\/v1","wp-block-editor\/v1"],"authentication":{"application-passwords":{"endpoints":{"authorization":`+
			jsonText(base+"/wp-admin/authorize-application.php")+`}}},"routes":{"\/":{"namespace":"","methods":["GET"]},"\/wp\/v2\/posts":{"namespace":"wp\/v2","methods":["GET","POST"]},"\/wp\/v2\/users":{"namespace":"wp\/v2","methods":["GET","POST"]}}}`)
	case "/wp/v2/users":
		fields = append(fields, field{"X-WP-Total", "1"}, field{"X-WP-TotalPages", "1"}, field{"Allow", "GET"})
		return answer(200, "["+user+"]")
	case "/wp/v2/users/1":
		fields = append(fields, field{"Allow", "GET"})
		return answer(200, user)
	case "/wp/v2/users/me":
		return answer(401, `{"code":"rest_not_logged_in","message":"You are not currently logged in.","data":{"status":401}}`)
	case "/wp/v2/posts":
		var b strings.Builder
		for i := len(w.posts) - 1; i >= 0; i-- {
			p := w.posts[i]
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":%d,"date":"%s","slug":%s,"status":"publish","type":"post","link":%s,"title":{"rendered":%s},"content":{"rendered":%s,"protected":false},"author":1}`,
				10+3*i, p.date.Format("2006-01-02T15:04:05"), jsonText(p.slug), jsonText(base+"/"+p.slug+"/"), jsonText(p.title), jsonText("<p>"+p.text+"</p>\n"))
		}
		fields = append(fields, field{"X-WP-Total", strconv.Itoa(len(w.posts))}, field{"X-WP-TotalPages", "1"}, field{"Allow", "GET"})
		return answer(200, "["+b.String()+"]")
	}
	return answer(404, `{"code":"rest_no_route","message":"No route was found matching the URL and request method.","data":{"status":404}}`)
}

// jsonText quotes s as PHP does, with slashes escaped.
func jsonText(s string) string {
	var b strings.Builder
	writeJSON(&b, s)
	return strings.ReplaceAll(b.String(), "/", `\/`)
}

func (w *wordpress) feed(x *exchange) *response {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"` + "\n\t" + `xmlns:dc="http://purl.org/dc/elements/1.1/"` + "\n>\n\n<channel>\n\t<title>" +
		html.EscapeString(w.title) + "</title>\n\t<link>" + siteURL(x) + "</link>\n\t<description>" + html.EscapeString(w.tagline) +
		"</description>\n\t<language>en-US</language>\n\t<generator>https://wordpress.org/?v=" + w.version + "</generator>\n")
	for i := len(w.posts) - 1; i >= 0; i-- {
		p := w.posts[i]
		b.WriteString("\t<item>\n\t\t<title>" + p.title + "</title>\n\t\t<link>" + siteURL(x) + "/" + p.slug + "/</link>\n\t\t<dc:creator><![CDATA[" + w.display +
			"]]></dc:creator>\n\t\t<pubDate>" + p.date.Format(time.RFC1123Z) + "</pubDate>\n\t\t<description><![CDATA[" + p.text + "]]></description>\n\t</item>\n")
	}
	b.WriteString("\t</channel>\n</rss>\n")
	return &response{status: 200, ctype: "application/rss+xml; charset=UTF-8", fields: w.links(x), body: []byte(b.String()), script: true}
}

func (w *wordpress) sitemap(x *exchange) *response {
	return &response{status: 200, ctype: "application/xml; charset=UTF-8", fields: w.links(x), script: true,
		body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>` + siteURL(x) +
			`/wp-sitemap-posts-post-1.xml</loc></sitemap><sitemap><loc>` + siteURL(x) + `/wp-sitemap-users-1.xml</loc></sitemap></sitemapindex>` + "\n")}
}

func (w *wordpress) readme() []byte {
	return []byte("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n\t<meta name=\"viewport\" content=\"width=device-width\" />\n\t<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />\n" +
		"\t<title>WordPress &#8250; ReadMe</title>\n\t<link rel=\"stylesheet\" href=\"wp-admin/css/install.css?ver=20100228\" type=\"text/css\" />\n</head>\n<body>\n<h1 id=\"logo\"><a href=\"https://wordpress.org/\">WordPress</a></h1>\n" +
		"<h2>Installation: Famous 5-minute install</h2>\n<p>Unzip the package, open <a href=\"wp-admin/install.php\">wp-admin/install.php</a> in a browser and follow it.</p>\n" +
		"<h2>System Requirements</h2>\n<ul>\n\t<li>PHP version <strong>7.2.24</strong> or greater.</li>\n\t<li>MySQL version <strong>5.5.5</strong> or greater.</li>\n</ul>\n</body>\n</html>\n")
}

func (w *wordpress) style() []byte {
	return []byte("/*\nTheme Name: " + w.theme + "\nAuthor: the WordPress team\nRequires PHP: 7.0\nVersion: " + w.themeVersion + "\nLicense: GNU General Public License v2 or later\nText Domain: " + w.theme +
		"\n*/\n\nbody {\n\t-moz-osx-font-smoothing: grayscale;\n\t-webkit-font-smoothing: antialiased;\n}\n")
}

// xmlrpc is xmlrpc.php. Every call that takes credentials is refused.
func (w *wordpress) xmlrpc(x *exchange) *response {
	fields := []field(nil)
	answer := func(body string) *response {
		return &response{status: 200, ctype: "text/xml; charset=UTF-8", fields: fields, body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + body), script: true}
	}
	if x.request.method != "POST" {
		if strings.HasPrefix(x.request.query, "rsd") {
			return answer(`<rsd version="1.0" xmlns="http://archipelago.phrasewise.com/rsd"><service><engineName>WordPress</engineName><engineLink>https://wordpress.org/</engineLink><homePageLink>` + siteURL(x) +
				`</homePageLink><apis><api name="WordPress" blogID="1" preferred="true" apiLink="` + siteURL(x) + `/xmlrpc.php" /></apis></service></rsd>` + "\n")
		}
		return &response{status: 405, ctype: "text/plain;charset=UTF-8", fields: []field{{"Allow", "POST"}}, body: []byte("XML-RPC server accepts POST requests only."), script: true}
	}
	call, err := parseCall(x.content.text)
	if err != nil {
		return answer(rpcFault(-32700, "parse error. not well formed"))
	}
	if call.method == "system.multicall" {
		return answer("<methodResponse>\n  <params>\n    <param>\n      <value>\n        <array><data>\n" + w.multicall(x, call) + "</data></array>\n      </value>\n    </param>\n  </params>\n</methodResponse>\n")
	}
	if f := w.call(x, call); f != "" {
		return answer("<methodResponse>\n  <fault>\n    <value>\n" + f + "    </value>\n  </fault>\n</methodResponse>\n")
	}
	value := "<string>Hello!</string>"
	if call.method == "system.listMethods" {
		value = "<array><data>\n"
		for _, name := range rpcMethods {
			value += "  <value><string>" + name + "</string></value>\n"
		}
		value += "</data></array>"
	}
	return answer("<methodResponse>\n  <params>\n    <param>\n      <value>\n      " + value + "\n      </value>\n    </param>\n  </params>\n</methodResponse>\n")
}

// rpcMethods are the methods that the server lists.
var rpcMethods = strings.Fields("system.multicall system.listMethods system.getCapabilities demo.addTwoNumbers demo.sayHello pingback.extensions.getPingbacks pingback.ping " +
	"mt.publishPost mt.getTrackbackPings mt.supportedTextFilters mt.supportedMethods mt.setPostCategories mt.getPostCategories mt.getRecentPostTitles mt.getCategoryList " +
	"metaWeblog.getUsersBlogs metaWeblog.deletePost metaWeblog.newMediaObject metaWeblog.getCategories metaWeblog.getRecentPosts metaWeblog.getPost metaWeblog.editPost metaWeblog.newPost " +
	"blogger.deletePost blogger.editPost blogger.newPost blogger.getRecentPosts blogger.getPost blogger.getUserInfo blogger.getUsersBlogs " +
	"wp.getMediaLibrary wp.getMediaItem wp.getPostFormats wp.getComments wp.deleteComment wp.editComment wp.newComment wp.getComment wp.setOptions wp.getOptions wp.getPageTemplates " +
	"wp.uploadFile wp.getTags wp.getCategories wp.newCategory wp.getAuthors wp.getPage wp.getPages wp.newPage wp.deletePage wp.editPage wp.getPosts wp.getPost wp.deletePost wp.editPost wp.newPost wp.getUsersBlogs wp.getProfile wp.getUsers wp.getUser")

// call reports what a call gives away and returns the fault that answers it, "" when it
// is answered with a value.
func (w *wordpress) call(x *exchange, c rpcCall) string {
	switch {
	case c.method == "demo.sayHello" || c.method == "system.listMethods":
		return ""
	case c.method == "pingback.ping":
		x.conn.session.Emit("download_attempt", decnet.F("url", c.param(0)), decnet.F("path", x.request.target))
		return rpcFaultStruct(0, "")
	case !known(c.method):
		return rpcFaultStruct(-32601, "server error. requested method "+c.method+" does not exist.")
	}
	at := 1 // after the blog's number or a key
	if c.method == "wp.getUsersBlogs" {
		at = 0
	}
	if len(c.params) < at+2 {
		return rpcFaultStruct(400, "Insufficient arguments passed to this XML-RPC method.")
	}
	x.attempt("xmlrpc", decnet.F("username", c.param(at)), decnet.F("password", c.param(at+1)))
	return rpcFaultStruct(403, "Incorrect username or password.")
}

func known(method string) bool {
	for _, m := range rpcMethods {
		if m == method {
			return !strings.HasPrefix(m, "system.") && !strings.HasPrefix(m, "demo.") && !strings.HasPrefix(m, "pingback.")
		}
	}
	return false
}

func (w *wordpress) multicall(x *exchange, c rpcCall) string {
	var b strings.Builder
	for _, sub := range c.calls() {
		f := w.call(x, sub)
		if f == "" {
			f = "<array><data>\n  <value><string>Hello!</string></value>\n</data></array>"
		}
		b.WriteString("  <value>" + strings.TrimSpace(f) + "</value>\n")
	}
	return b.String()
}
