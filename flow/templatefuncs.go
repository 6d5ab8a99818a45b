package flow

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// unrepeatable are functions of Sprig that its own list of those leaves in, or that no flow needs and that cost much: keys, certificates, what
// depends on the time and on chance.
var unrepeatable = []string{
	"ago", "toDate", "mustToDate", "must_date_modify", "mustDateModify", "unixEpoch", "randInt", "shuffle", "bcrypt", "htpasswd", "derivePassword",
	"genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "buildCustomCert",
	"encryptAES", "decryptAES", "hello",
}

// toldError is what a template says itself, by fail or required.
type toldError string

func (e toldError) Error() string { return string(e) }

// templateFuncs are all functions but for env and expandenv, which are the user's to allow, before they are bounded.
var templateFuncs = sync.OnceValue(func() template.FuncMap {
	funcs := sprig.HermeticTxtFuncMap()
	for _, name := range unrepeatable {
		delete(funcs, name)
	}
	maps.Copy(funcs, template.FuncMap{
		// Sprig's have no order.
		"keys":   sortedKeys,
		"values": func(m map[string]any) []any { return sortedValues(m) },
		"fail":   func(what string) (string, error) { return "", toldError(what) },
		"required": func(what string, v any) (any, error) {
			if text, isText := v.(string); v == nil || isText && text == "" {
				return nil, toldError(what)
			}
			return v, nil
		},
		"toYaml": func(v any) (string, error) {
			text, err := yaml.Marshal(v)
			return strings.TrimSuffix(string(text), "\n"), err
		},
		// Those of package template, to be bounded too.
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	})
	return funcs
})

func functionNames() []string { return slices.Collect(maps.Keys(templateFuncs())) }

func sortedKeys(all ...map[string]any) []string {
	var names []string
	for _, m := range all {
		names = append(names, slices.Sorted(maps.Keys(m))...)
	}
	return names
}

func sortedValues(m map[string]any) []any {
	list := make([]any, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name])
	}
	return list
}

// functions are those that a template may call, bounded in what they make.
func (run *rendering) functions(opts Options) template.FuncMap {
	bounded := make(template.FuncMap, len(templateFuncs())+2)
	for name, function := range templateFuncs() {
		bounded[name] = run.bound(name, function)
	}
	if opts.TemplateEnv {
		lookup := func(name string) string {
			if opts.LookupEnv == nil {
				return ""
			}
			value, _ := opts.LookupEnv(name)
			return value
		}
		bounded["env"] = lookup
		bounded["expandenv"] = run.bound("expandenv", func(text string) string { return os.Expand(text, lookup) })
	}
	return bounded
}

// Bounds of what the functions of a template may be given and make.
const (
	maxTemplateWork  = 32 << 20 // bytes and values, in all
	maxTemplateValue = 4 << 20  // bytes and values of one result
	maxTemplateCount = 20_000   // a number that is one of things to make, and the size of a list
)

const tooMuchWork = limitError("the template works on too much")

// widthOf finds widths that would make printf write long.
var widthOf = regexp.MustCompile(`%[^a-zA-Z%]*(?:\d{4,}|\*)`)

// counting functions make as many things as their numbers say; multiplying ones put one argument into the other many times; comparing
// ones hold each item against each.
var (
	counting    = []string{"until", "untilStep", "seq", "repeat", "indent", "nindent", "wrap", "wrapWith"}
	multiplying = []string{
		"repeat", "indent", "nindent", "replace", "join", "wrapWith", "printf", "regexReplaceAll", "mustRegexReplaceAll",
		"regexReplaceAllLiteral", "mustRegexReplaceAllLiteral",
	}
	comparing = []string{"uniq", "mustUniq", "without", "mustWithout", "deepEqual"}
)

// bound wraps a function so that it stops the template where it would make too much.
func (run *rendering) bound(name string, function any) any {
	f := reflect.ValueOf(function)
	check := run.checks(name)
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
		check(args)
		var results []reflect.Value
		if f.Type().IsVariadic() {
			results = f.CallSlice(args)
		} else {
			results = f.Call(args)
		}
		size := sizeOf(results[0], 0)
		if size > maxTemplateValue {
			panic(tooMuchWork)
		}
		run.spend(size)
		return results
	}).Interface()
}

func (run *rendering) spend(work int) {
	if run.work += work; run.work > maxTemplateWork {
		panic(tooMuchWork)
	}
}

// checks gives what looks at a function's arguments.
func (run *rendering) checks(name string) func(args []reflect.Value) {
	counts, multiplies, compares := slices.Contains(counting, name), slices.Contains(multiplying, name), slices.Contains(comparing, name)
	matches := strings.Contains(strings.ToLower(name), "regex")
	return func(args []reflect.Value) {
		total, product := 1, 1
		each := func(v reflect.Value) {
			for v.Kind() == reflect.Interface && !v.IsNil() {
				v = v.Elem()
			}
			size := 1
			switch v.Kind() {
			case reflect.String, reflect.Slice, reflect.Map, reflect.Array:
				size += v.Len()
			case reflect.Int, reflect.Int64:
				n := int(v.Int())
				if n = max(n, -n); counts && (n > maxTemplateCount || n < 0) {
					panic(tooMuchWork)
				}
				if counts {
					size += n
				}
			}
			total += size
			if product *= size; product > maxTemplateWork || product < 0 {
				product = maxTemplateWork + 1
			}
		}
		for _, arg := range args {
			if arg.Kind() == reflect.Slice && arg.Type().Elem().Kind() != reflect.Uint8 {
				for i := range min(arg.Len(), maxTemplateCount) {
					each(arg.Index(i))
				}
			} else {
				each(arg)
			}
		}
		if name == "printf" && len(args) > 0 && widthOf.MatchString(args[0].String()) {
			panic(tooMuchWork)
		}
		if matches {
			total *= 16 // a byte costs so much more than to copy it
		}
		switch {
		case multiplies && product > maxTemplateValue:
			panic(tooMuchWork)
		case compares:
			total = min(total, maxTemplateWork/max(total, 1)) * total
		}
		run.spend(total)
	}
}

// sizeOf is the number of bytes and values in v; more than maxTemplateValue for what is nested deeper than files may be, or has no end.
func sizeOf(v reflect.Value, depth int) int {
	if depth > maxDepth {
		return maxTemplateValue + 1
	}
	const value = 16
	size := value
	switch v.Kind() {
	case reflect.String:
		size += v.Len()
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			size += sizeOf(v.Elem(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Len() > maxTemplateValue {
			return maxTemplateValue + 1
		}
		for i := range v.Len() {
			if size += sizeOf(v.Index(i), depth+1); size > maxTemplateValue {
				break
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if size += sizeOf(entries.Key(), depth+1) + sizeOf(entries.Value(), depth+1); size > maxTemplateValue {
				break
			}
		}
	}
	return size
}
