package values

// format is a form of text that the schema demands, and what to tell whoever wrote another one.
type format struct{ pattern, expected string }

// The forms of texts. There are two kinds of durations in Linkerd: pods' are Go's, Services' are not.
var (
	dnsLabel           = format{`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`, "lower-case letters, digits and hyphens, neither first nor last a hyphen"}
	claimName          = format{`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`, "at most 63 lower-case letters, digits and hyphens, neither first nor last a hyphen"}
	objectName         = format{`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`, "a name as Kubernetes' objects have, in lower case"}
	absolutePath       = format{`^/.`, "an absolute path"}
	address            = format{`^grpcs?://[^/ ]+:[0-9]+$`, "grpc://HOST:PORT or grpcs://HOST:PORT"}
	webAddress         = format{`^https?://`, "http://HOST:PORT or https://HOST:PORT"}
	registry           = format{`^([a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9._/-]+)?)?$`, "a host, such as registry.example:5000"}
	repository         = format{`^([a-z0-9]+([._/-]+[a-z0-9]+)*)?$`, "a path in lower case, such as team/encoder"}
	tag                = format{`^([\w][\w.-]{0,127})?$`, "letters, digits, _, . and -, such as 1.0"}
	digest             = format{`^(sha256:[0-9a-f]{64})?$`, "sha256: and 64 hexadecimal digits"}
	quantity           = format{`^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$`, "a quantity of Kubernetes', such as 500m or 2Gi"}
	percentage         = format{`^[0-9]+%$`, "a number or a percentage, such as 50%"}
	linkerdVersion     = format{`^[0-9]+\.[0-9]+(\.[0-9]+)?$`, `a version in quotes, such as "2.20"`}
	linkerdDuration    = format{`^([0-9]+(ms|s|m|h|d)|0)$`, "a whole number and one unit of ms, s, m, h and d, such as 90s, which is all that Linkerd reads here"}
	goDuration         = format{`^(([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+|0)$`, "a duration such as 1m30s"}
	prometheusDuration = format{`^([0-9]+(ms|s|m|h|d|w|y))+$`, "a duration such as 30s"}
)

var formats = []format{
	dnsLabel, claimName, objectName, absolutePath, address, webAddress, registry, repository, tag, digest, quantity, percentage, linkerdVersion, linkerdDuration,
	goDuration, prometheusDuration,
}

// Expected tells in words what a pattern of the schema demands; nothing for a pattern that is not the schema's.
func Expected(pattern string) string {
	for _, f := range formats {
		if f.pattern == pattern {
			return f.expected
		}
	}
	return ""
}
