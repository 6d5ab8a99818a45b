{{/*
Reads a flow.yml, for --set-file flow=flow.yml: what it says becomes .flow.said, values as a user would write them. It is the plugin's reader in small: what takes more
than the file itself (variables, Jina's Hub), and what Jina makes of texts, is refused with a hint to the plugin. Takes root, text.
*/}}
{{- define "flow.read" -}}
{{- $root := .root -}}
{{- $language := $root.Files.Get "files/language.yaml" | fromYaml -}}
{{- $said := dict "gateway" dict "executors" dict -}}
{{- $_ := set $root.flow "said" $said -}}
{{- $file := fromYaml .text -}}
{{- if hasKey $file "Error" -}}
{{- include "flow.unread" (dict "root" $root "text" (printf "no YAML that the chart can read: %s" $file.Error)) -}}
{{- else if ne ($file.jtype | default (regexMatch "(?m)^(--- +)?!Flow" .text | ternary "Flow" "")) "Flow" -}}
{{- include "flow.unread" (dict "root" $root "text" "no `jtype: Flow`; files of one Deployment") -}}
{{- else if regexReplaceAll "(?m)(^|\\s)#.*$" .text "" | regexMatch "(?mi)[-:,\\[{] *(on|off|y|n) *\\r?(,|\\]|\\}|$)" -}}
{{- include "flow.unread" (dict "root" $root "text" "on, off, y or n without quotes, which YAML and Jina take for different things") -}}
{{- else -}}
{{- range $key, $value := $file -}}
{{- if not (or (has $key (list "jtype" "version" "with" "gateway" "executors" "deployments" "x-flow" "jcloud")) (hasPrefix "x-" $key) (hasPrefix "." $key)) -}}
{{- include "flow.unread" (dict "root" $root "text" (printf "%s, which is no field of a flow that the chart knows" $key)) -}}
{{- end -}}
{{- end -}}
{{- $with := $file.with | default dict -}}
{{- $known := list -}}
{{- range $section := $language -}}
{{- $known = concat $known (keys $section.fields) (keys ($section.names | default dict)) -}}
{{- end -}}
{{- range $key, $value := $with -}}
{{- $found := hasPrefix "x-" $key -}}
{{- range $known -}}
{{- $found = or $found (hasPrefix (replace "-" "_" $key) .) -}}
{{- end -}}
{{- if not $found -}}
{{- include "flow.unread" (dict "root" $root "text" (printf "with.%s, which is no field that the chart knows" $key)) -}}
{{- end -}}
{{- end -}}
{{- $flow := dict "root" $root "text" .text "language" $language "with" $with -}}
{{- include "flow.readGateway" (dict "flow" $flow "own" ($file.gateway | default dict)) -}}
{{- include "flow.readExecutors" (dict "flow" $flow "entries" ($file.executors | default $file.deployments | default list)) -}}
{{- include "flow.overlay" (dict "on" $said "values" (get $file "x-flow")) -}}
{{- end -}}
{{- end }}

{{/*
Notes what the chart cannot read. Takes root, text.
*/}}
{{- define "flow.unread" -}}
{{- include "flow.fault" (dict "root" .root "text" (printf "flow: %s; the plugin can tell more: helm flow lint, and helm flow values for what to install" .text)) -}}
{{- end }}

{{/*
The fields of a section by their whole names, what it says itself over what it inherits, as out; and as says which it says itself. Takes flow, section, own, inherits (fields that it does
not), out, says.
*/}}
{{- define "flow.fields" -}}
{{- $language := get .flow.language .section -}}
{{- range $layer := list (dict "from" .flow.with "inherited" true) (dict "from" .own) -}}
{{- range $key, $value := $layer.from -}}
{{- $name := replace "-" "_" $key -}}
{{- $name = get $language.names $name | default $name -}}
{{- if not (hasKey $language.fields $name) -}}
{{- $candidates := list -}}
{{- range $field := concat (keys $language.fields) (keys $language.names) | sortAlpha -}}
{{- if hasPrefix $name $field -}}
{{- $candidates = append $candidates (get $language.names $field | default $field) -}}
{{- end -}}
{{- end -}}
{{- $candidates = uniq $candidates -}}
{{- if eq (len $candidates) 1 -}}
{{- $name = first $candidates -}}
{{- end -}}
{{- end -}}
{{- if hasKey $language.fields $name -}}
{{- $inherits := not (and $layer.inherited (or (hasKey $.flow.language.with.fields $name) (has $name $.apart))) -}}
{{- if and $inherits (not (kindIs "invalid" $value)) -}}
{{- $_ := set $.out $name $value -}}
{{- if not $layer.inherited -}}
{{- $_ := set $.says $name true -}}
{{- end -}}
{{- end -}}
{{- else if not (or $layer.inherited (hasPrefix "x-" $key)) -}}
{{- include "flow.unread" (dict "root" $.flow.root "text" (printf "%s.%s, which is no field that the chart knows" $.what $key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Sets what fields become by the table. Takes flow, section, what, fields, on.
*/}}
{{- define "flow.setFields" -}}
{{- $language := get .flow.language .section -}}
{{- range $name, $value := .fields -}}
{{- $field := get $language.fields $name -}}
{{- if not (has $field.kind (list "own" "nothing")) -}}
{{- $read := dict "flow" $.flow "what" (printf "%s.%s" $.what $name) "value" $value -}}
{{- include (printf "flow.kind.%s" $field.kind) $read -}}
{{- $path := splitList "." $field.path -}}
{{- $on := $.on -}}
{{- range initial $path -}}
{{- if not (hasKey $on .) -}}
{{- $_ := set $on . dict -}}
{{- end -}}
{{- $on = get $on . -}}
{{- end -}}
{{- if hasKey $read "read" -}}
{{- $_ := set $on (last $path) $read.read -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $signal := list "traces" "metrics" -}}
{{- if not (get $.on $signal | default dict).enabled -}}
{{- $_ := unset $.on $signal -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
The kinds of values: each reads .value into .read. Takes flow, what, value.
*/}}
{{- define "flow.kind.number" -}}
{{- if and (kindIs "string" .value) (regexMatch "^-?[0-9]+$" .value) -}}
{{- $_ := set . "value" (float64 .value) -}}
{{- end -}}
{{- if and (kindIs "float64" .value) (eq (floor .value) .value) -}}
{{- $_ := set . "read" (int64 .value) -}}
{{- else -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s, which is no whole number" .what)) -}}
{{- end -}}
{{- end }}
{{- define "flow.kind.texts" -}}
{{- $texts := dict -}}
{{- range $key, $value := .value -}}
{{- $read := dict "flow" $.flow "what" (printf "%s.%s" $.what $key) "value" $value -}}
{{- include "flow.kind.text" $read -}}
{{- $_ := set $texts $key $read.read -}}
{{- end -}}
{{- $_ := set . "read" $texts -}}
{{- end }}
{{- define "flow.kind.flag" -}}
{{- $text := toString .value | lower -}}
{{- if has $text (list "true" "false") -}}
{{- $_ := set . "read" (eq $text "true") -}}
{{- else -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s, which is neither true nor false" .what)) -}}
{{- end -}}
{{- end }}
{{- define "flow.kind.text" -}}
{{- if kindIs "string" .value -}}
{{- include "flow.noVariable" . -}}
{{- $_ := set . "read" .value -}}
{{- else -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s, which is no text" .what)) -}}
{{- end -}}
{{- end }}
{{- define "flow.kind.list" -}}
{{- $list := kindIs "slice" .value | ternary .value (list .value) -}}
{{- range $list -}}
{{- include "flow.kind.text" (dict "flow" $.flow "what" $.what "value" .) -}}
{{- end -}}
{{- $_ := set . "read" $list -}}
{{- end }}
{{- define "flow.kind.secrets" -}}
{{- $_ := set . "read" .value -}}
{{- end }}
{{- define "flow.kind.map" -}}
{{- if kindIs "map" .value -}}
{{- include "flow.free" . -}}
{{- $_ := set . "read" .value -}}
{{- else -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s, which is no map" .what)) -}}
{{- end -}}
{{- end }}
{{- define "flow.kind.argument" -}}
{{- include "flow.free" . -}}
{{- $_ := set . "read" .value -}}
{{- end }}

{{/*
What Jina makes something else of than YAML did is refused, at any depth of a value. Takes flow, what, value.
*/}}
{{- define "flow.free" -}}
{{- if kindIs "map" .value -}}
{{- range $key, $item := .value -}}
{{- include "flow.free" (dict "flow" $.flow "what" (printf "%s.%s" $.what $key) "value" $item) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $item := .value -}}
{{- include "flow.free" (dict "flow" $.flow "what" $.what "value" $item) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- include "flow.noVariable" . -}}
{{- if regexMatch "(?i)^(\\s*|\\s*[-+]?[0-9_.]+(e[-+]?[0-9]+)?\\s*|true|false|yes|no|\\[.*\\]|'.*'|\".*\"|[0-9]+(:[0-9]+)+)$" .value -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s, a text of which Jina makes something else" .what)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Takes flow, what, value.
*/}}
{{- define "flow.noVariable" -}}
{{- if regexMatch "\\$(\\{|[A-Za-z_])" .value -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s holds a variable, which the chart cannot look up" .what)) -}}
{{- end -}}
{{- end }}

{{/*
Environment variables: those of the flow's with, under a section's own. Takes flow, what, own, on.
*/}}
{{- define "flow.readEnv" -}}
{{- $env := dict -}}
{{- range $layer := list .flow.with.env .own -}}
{{- range $name, $value := $layer | default dict -}}
{{- if kindIs "string" $value -}}
{{- include "flow.noVariable" (dict "flow" $.flow "what" (printf "%s.env.%s" $.what $name) "value" $value) -}}
{{- if has (lower $value) (list "true" "false") -}}
{{- $value = title (lower $value) -}}
{{- end -}}
{{- $_ := set $env $name (replace "$" "$$" $value) -}}
{{- else if kindIs "bool" $value -}}
{{- $_ := set $env $name ($value | ternary "True" "False") -}}
{{- else if and (kindIs "float64" $value) (regexMatch (printf "%s['\"]?: *%v *(#|,|}|\\r|\\n|$)" (regexQuoteMeta $name) $value) $.flow.text) -}}
{{- $_ := set $env $name (toString $value) -}}
{{- else -}}
{{- include "flow.unread" (dict "root" $.flow.root "text" (printf "%s.env.%s, of which Python and YAML write different texts" $.what $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $env -}}
{{- $_ := set .on "env" $env -}}
{{- end -}}
{{- end }}

{{/*
What `uses` names. Takes flow, what, value, on (values with image, runtime, uses), executor.
*/}}
{{- define "flow.readUses" -}}
{{- $uses := .value | default "echo" -}}
{{- if kindIs "map" $uses -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s.uses, which is a map" .what)) -}}
{{- else if hasPrefix "docker://" $uses -}}
{{- $reference := trimPrefix "docker://" $uses -}}
{{- $image := dict -}}
{{- $parts := splitn "@" 2 $reference -}}
{{- with $parts._1 -}}
{{- $_ := set $image "digest" . -}}
{{- end -}}
{{- $name := $parts._0 -}}
{{- $tag := regexFind ":[^:/]+$" $name -}}
{{- with $tag -}}
{{- $_ := set $image "tag" (trimPrefix ":" .) -}}
{{- $name = trimSuffix . $name -}}
{{- end -}}
{{- $host := regexFind "^[^/]+/" $name | trimSuffix "/" -}}
{{- if and $host (or (contains "." $host) (contains ":" $host) (eq $host "localhost")) -}}
{{- $_ := set $image "registry" $host -}}
{{- $name = trimPrefix (printf "%s/" $host) $name -}}
{{- end -}}
{{- $_ := set $image "repository" $name -}}
{{- $_ := set .on "image" $image -}}
{{- $_ := set .on "runtime" "jina" -}}
{{- else if and .executor (regexMatch "^(BaseExecutor|echo)$" $uses) -}}
{{- $_ := set .on "uses" "echo" -}}
{{- else if and .executor (regexMatch "^((jinahub(\\+[a-z]+)?://)|(jinaai(\\+[a-z]+)?://[^/:]+/))?HeavyExecutorLinkerdDemo([:/].*)?$" $uses) -}}
{{- $_ := set .on "uses" "HeavyExecutorLinkerdDemo" -}}
{{- else if regexMatch "^jina(hub|ai)(\\+[a-z]+)?://" $uses -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s.uses names an executor of Jina's Hub, whose image the chart cannot know" .what)) -}}
{{- else -}}
{{- include "flow.unread" (dict "root" .flow.root "text" (printf "%s.uses, which is no image: docker://IMAGE[:TAG]" .what)) -}}
{{- end -}}
{{- end }}

{{/*
A list of what a field has one or several of. Takes value; gives JSON.
*/}}
{{- define "flow.several" -}}
{{- if kindIs "slice" .value -}}
{{- toJson .value -}}
{{- else if kindIs "string" .value -}}
{{- $items := list -}}
{{- range splitList "," (.value | trimAll "[] ") -}}
{{- $items = append $items (trim .) -}}
{{- end -}}
{{- toJson $items -}}
{{- else -}}
{{- list .value | toJson -}}
{{- end -}}
{{- end }}

{{/*
Calls: timeouts, retries, compression. -1 is no timeout. Takes fields, on.
*/}}
{{- define "flow.readCalls" -}}
{{- range $field, $value := dict "timeout_send" "timeoutSend" "retries" "retries" "compression" "compression" -}}
{{- if hasKey $.fields $field -}}
{{- $said := get $.fields $field -}}
{{- if eq $field "compression" -}}
{{- $_ := set $.on $value (toString $said | lower | replace "nocompression" "none") -}}
{{- else -}}
{{- $_ := set $.on $value (eq $field "timeout_send" | ternary (max 0 (int64 $said)) (int64 $said)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
A part of flow.read. Takes flow, own.
*/}}
{{- define "flow.readGateway" -}}
{{- $flow := .flow -}}
{{- $fields := dict -}}
{{- $says := dict -}}
{{- include "flow.fields" (dict "flow" $flow "section" "gateway" "what" "gateway" "own" .own "apart" (list "uses_with") "out" $fields "says" $says) -}}
{{- $on := $flow.root.flow.said.gateway -}}
{{- $implied := get (dict "GRPCGateway" "grpc" "HTTPGateway" "http" "WebSocketGateway" "websocket") (toString $fields.uses) -}}
{{- if and $fields.uses (not $implied) (ne (toString $fields.uses) "CompositeGateway") -}}
{{- include "flow.readUses" (dict "flow" $flow "what" "gateway" "value" $fields.uses "on" $on) -}}
{{- end -}}
{{- include "flow.setFields" (dict "flow" $flow "section" "gateway" "what" "gateway" "fields" (omit $fields "env" "timeout_send" "timeout_ready" "retries" "compression") "on" $on) -}}
{{- if ne ($on.runtime | default "go") "jina" -}}
{{- range list "args" "usesWith" "pyModules" -}}
{{- $_ := unset $on . -}}
{{- end -}}
{{- end -}}
{{- include "flow.readEnv" (dict "flow" $flow "what" "gateway" "own" .own.env "on" $on) -}}
{{- include "flow.readCalls" (dict "fields" $fields "on" $on) -}}
{{- include "flow.readTimeoutReady" (dict "fields" $fields "on" $on) -}}
{{- $_ := set $flow "gatewaySays" $says -}}
{{- if or $fields.port $fields.protocol $implied -}}
{{- $protocols := list -}}
{{- range include "flow.several" (dict "value" ($fields.protocol | default $implied | default "grpc")) | fromJsonArray -}}
{{- $protocols = append $protocols (lower .) -}}
{{- end -}}
{{- $ports := include "flow.several" (dict "value" ($fields.port | default 8080)) | fromJsonArray -}}
{{- $doors := dict -}}
{{- range $i, $protocol := $protocols -}}
{{- $port := add (int64 (first $ports)) $i -}}
{{- if gt (len $ports) 1 -}}
{{- $port = index $ports $i | int64 -}}
{{- end -}}
{{- $_ := set $doors $protocol $port -}}
{{- end -}}
{{- $_ := set $on "ports" $doors -}}
{{- end -}}
{{- end }}

{{/*
Takes fields, on. -1 is the default.
*/}}
{{- define "flow.readTimeoutReady" -}}
{{- with .fields.timeout_ready -}}
{{- $_ := set $.on "timeoutReady" (lt (int64 .) 0 | ternary 600000 (int64 .)) -}}
{{- end -}}
{{- end }}

{{/*
A part of flow.read: the executors, what they need, and which of them float. Takes flow, entries.
*/}}
{{- define "flow.readExecutors" -}}
{{- $flow := .flow -}}
{{- $said := $flow.root.flow.said -}}
{{- $before := "gateway" -}}
{{- $answers := "" -}}
{{- $waited := dict "gateway" true -}}
{{- range $i, $entry := .entries -}}
{{- $on := dict -}}
{{- if or (not (kindIs "map" $entry)) ($entry | default dict).jtype -}}
{{- include "flow.unread" (dict "root" $flow.root "text" (printf "executors[%d], a Deployment of its own" $i)) -}}
{{- else -}}
{{- $name := $entry.name | default (eq ($entry.method | default "add") "needs" | ternary "joiner" (printf "executor%d" $i)) -}}
{{- include "flow.readExecutor" (dict "flow" $flow "what" (printf "executors.%s" $name) "entry" $entry "on" $on) -}}
{{- if $entry.needs -}}
{{- $_ := set $on "needs" (include "flow.several" (dict "value" $entry.needs) | fromJsonArray | uniq) -}}
{{- else -}}
{{- $_ := set $on "needs" (list $before) -}}
{{- end -}}
{{- if not $on.floating -}}
{{- $before = $name -}}
{{- $answers = $name -}}
{{- end -}}
{{- if hasKey $said.executors $name -}}
{{- include "flow.unread" (dict "root" $flow.root "text" (printf "two executors called %s" $name)) -}}
{{- end -}}
{{- $_ := set $said.executors $name $on -}}
{{- end -}}
{{- end -}}
{{- /* Whatever the answering node does not wait for floats. */ -}}
{{- $_ := set $waited $answers true -}}
{{- $next := list $answers -}}
{{- range .entries -}}
{{- $now := $next -}}
{{- $next = list -}}
{{- range $name := $now -}}
{{- range (get $said.executors $name | default dict).needs | default list -}}
{{- if not (hasKey $waited .) -}}
{{- $_ := set $waited . true -}}
{{- $next = append $next . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $on := $said.executors -}}
{{- if not (hasKey $waited $name) -}}
{{- $_ := set $on "floating" true -}}
{{- else -}}
{{- $_ := unset $on "floating" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
A part of flow.readExecutors. Takes flow, what, entry, on.
*/}}
{{- define "flow.readExecutor" -}}
{{- $flow := .flow -}}
{{- $on := .on -}}
{{- $fields := dict -}}
{{- $says := dict -}}
{{- $apart := list "port" "port_monitoring" "protocol" "needs" "method" "uses_with" -}}
{{- include "flow.fields" (dict "flow" $flow "section" "executor" "what" .what "own" (omit .entry "x-flow") "apart" $apart "out" $fields "says" $says) -}}
{{- $external := eq (toString $fields.external | lower) "true" -}}
{{- $set := omit $fields "env" "timeout_send" "timeout_ready" "retries" "compression" -}}
{{- if $external -}}
{{- $set = pick $set "floating" "when" "no_reduce" "grpc_metadata" -}}
{{- include "flow.readExternal" (dict "flow" $flow "what" .what "fields" $fields "on" $on) -}}
{{- else -}}
{{- include "flow.readUses" (dict "flow" $flow "what" .what "value" $fields.uses "on" $on "executor" true) -}}
{{- end -}}
{{- include "flow.setFields" (dict "flow" $flow "section" "executor" "what" .what "fields" $set "on" $on) -}}
{{- if not $external -}}
{{- include "flow.readEnv" (dict "flow" $flow "what" .what "own" .entry.env "on" $on) -}}
{{- include "flow.readTimeoutReady" (dict "fields" $fields "on" $on) -}}
{{- if eq ($on.runtime | default "go") "jina" -}}
{{- with $fields.workspace -}}
{{- $_ := set $on "workspace" (clean (printf "/%s" .)) -}}
{{- end -}}
{{- else -}}
{{- $_ := unset $on "args" -}}
{{- $_ := unset $on "pyModules" -}}
{{- end -}}
{{- include "flow.readShards" (dict "flow" $flow "what" .what "fields" $fields "on" $on) -}}
{{- include "flow.readVolumes" (dict "flow" $flow "what" .what "fields" $fields "on" $on) -}}
{{- end -}}
{{- /* What gateway and executor both take from `with` is said of the gateway alone. */ -}}
{{- $calls := dict -}}
{{- range $field := list "timeout_send" "retries" "compression" -}}
{{- if and (hasKey $fields $field) (or (hasKey $says $field) (hasKey $flow.gatewaySays $field)) -}}
{{- $_ := set $calls $field (get $fields $field) -}}
{{- end -}}
{{- end -}}
{{- include "flow.readCalls" (dict "fields" $calls "on" $on) -}}
{{- include "flow.overlay" (dict "on" $on "values" (get .entry "x-flow")) -}}
{{- end }}

{{/* A part of flow.readExecutor. */}}
{{- define "flow.readExternal" -}}
{{- $fields := .fields -}}
{{- $hosts := include "flow.several" (dict "value" $fields.host) | fromJsonArray -}}
{{- $ports := list -}}
{{- if $fields.port -}}
{{- $ports = include "flow.several" (dict "value" $fields.port) | fromJsonArray -}}
{{- end -}}
{{- $addresses := list -}}
{{- range $i := until (int (max (len $hosts) (len $ports))) -}}
{{- $host := index $hosts (gt (len $hosts) 1 | ternary $i 0 | int) -}}
{{- $scheme := eq (toString $fields.tls | lower) "true" | ternary "grpcs" "grpc" -}}
{{- with regexFind "^grpcs?://" $host -}}
{{- $scheme = trimSuffix "://" . -}}
{{- $host = trimPrefix . $host | trimSuffix "/" -}}
{{- end -}}
{{- if not (regexMatch ":[0-9]+$" $host) -}}
{{- if $ports -}}
{{- $host = printf "%s:%v" $host (index $ports (gt (len $ports) 1 | ternary $i 0 | int)) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9._-]+:[0-9]+$" $host) -}}
{{- include "flow.unread" (dict "root" $.flow.root "text" (printf "%s.host, which with its port is no HOST:PORT" $.what)) -}}
{{- end -}}
{{- $addresses = append $addresses (printf "%s://%s" $scheme $host) -}}
{{- end -}}
{{- $_ := set .on "external" (dict "addresses" $addresses) -}}
{{- end }}

{{/* A part of flow.readExecutor. */}}
{{- define "flow.readShards" -}}
{{- $fields := .fields -}}
{{- $on := .on -}}
{{- if lt (int ($fields.shards | default 1)) 2 -}}
{{- $_ := unset $on "shards" -}}
{{- else -}}
{{- $words := dict "any" "any" "all" "all" "1" "any" "2" "all" -}}
{{- if kindIs "map" $fields.polling -}}
{{- $polling := dict -}}
{{- range $endpoint, $word := $fields.polling -}}
{{- $_ := set $polling $endpoint (get $words (toString $word | lower)) -}}
{{- end -}}
{{- $_ := set $on "polling" $polling -}}
{{- else if $fields.polling -}}
{{- $_ := set $on "polling" (dict "*" (get $words (toString $fields.polling | lower))) -}}
{{- end -}}
{{- range $field, $stage := dict "uses_before" "usesBefore" "uses_after" "usesAfter" -}}
{{- if get $fields $field -}}
{{- $values := dict -}}
{{- include "flow.readUses" (dict "flow" $.flow "what" (printf "%s.%s" $.what $field) "value" (get $fields $field) "on" $values "executor" true) -}}
{{- $_ := set $on $stage $values -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A part of flow.readExecutor: volumes and GPUs. */}}
{{- define "flow.readVolumes" -}}
{{- $fields := .fields -}}
{{- $on := .on -}}
{{- if $fields.volumes -}}
{{- $volumes := list -}}
{{- range include "flow.several" (dict "value" $fields.volumes) | fromJsonArray -}}
{{- $parts := splitList ":" . -}}
{{- $path := last $parts -}}
{{- $source := gt (len $parts) 1 | ternary (first $parts) "" -}}
{{- if or (gt (len $parts) 2) (not (hasPrefix "/" $path)) -}}
{{- include "flow.unread" (dict "root" $.flow.root "text" (printf "%s.volumes, which is no CONTAINER or SOURCE:CONTAINER" $.what)) -}}
{{- end -}}
{{- $volume := dict "mountPath" (clean $path) -}}
{{- if regexMatch "^[a-zA-Z0-9][a-zA-Z0-9_.-]*$" $source -}}
{{- $_ := set $volume "name" (lower $source | replace "_" "-" | replace "." "-" | trimAll "-") -}}
{{- end -}}
{{- $volumes = append $volumes $volume -}}
{{- end -}}
{{- $_ := set $on "volumes" $volumes -}}
{{- end -}}
{{- with $fields.gpus -}}
{{- if kindIs "map" . -}}
{{- $_ := set $on "gpus" . -}}
{{- else if regexMatch "^[0-9]+$" (toString .) -}}
{{- $_ := set $on "gpus" (dict "nvidia.com/gpu" (int64 .)) -}}
{{- else if ne (toString . | lower) "all" -}}
{{- include "flow.unread" (dict "root" $.flow.root "text" (printf "%s.gpus, which is no number, all or map" $.what)) -}}
{{- end -}}
{{- end -}}
{{- end }}
