package flow

// FieldReference is what docs/flow-language.md says of a field.
type FieldReference struct {
	Name, Type, Default, Meaning string
	Aliases                      []string
	NoEffect                     string
	Argument                     bool // it becomes an argument of Python processes
}

// Reference has the fields of all sections, by the section's name.
func Reference() map[string][]FieldReference {
	return map[string][]FieldReference{
		"flow": sectionReference(topTable), "with": sectionReference(withTable), "gateway": sectionReference(gatewayTable), "executor": sectionReference(executorTable),
	}
}

func sectionReference[S any](t *table[S]) []FieldReference {
	var list []FieldReference
	for _, f := range t.fields {
		isArgument := false
		if f.reads != nil {
			_, isArgument = f.reads(new(S)).(argument)
		}
		list = append(list, FieldReference{f.name, f.typ, f.missing, f.meaning, f.aliases, f.noEffect, isArgument})
	}
	return list
}
