package flow

// Options are what a flow.yml may refer to beyond itself. The zero value refers to nothing.
type Options struct {
	// LookupEnv finds environment variables, as os.LookupEnv does; nil finds none.
	LookupEnv func(name string) (string, bool)
	// Context are the values of ${{ CONTEXT.x }} and ${{ x }}.
	Context map[string]string
	// Values are .Values of a template: a file whose name ends in .tmpl or .gotmpl. Templates do not change them.
	Values map[string]any
	// TemplateEnv lets templates call env and expandenv.
	TemplateEnv bool
	// Hub resolves URIs of Jina's Hub; the zero map knows the built-ins alone.
	Hub HubMap
	// Lenient makes warnings of unknown fields.
	Lenient bool
}

// HubMap finds images for URIs of Jina's Hub, which is gone. It is the content of a flow.hub.yaml.
type HubMap struct {
	// Images by URI, as the flow writes it, but without a secret; by URI without its tag; or by the executor's name alone. {user}, {name} and {tag}
	// are replaced, as in Template.
	Images map[string]string `json:"images"`
	// Template makes an image of every other URI: {user} and {name} are replaced in lower case, {tag} by latest where there is none.
	Template string `json:"template"`
}
