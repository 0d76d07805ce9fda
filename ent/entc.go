//go:build ignore

// This program generates the ent client from ent/schema.
package main

import (
	"log"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

func main() {
	features := []gen.Feature{gen.FeatureExecQuery, gen.FeatureModifier}
	if err := entc.Generate("./schema", &gen.Config{Features: features}); err != nil {
		log.Fatal(err)
	}
}
