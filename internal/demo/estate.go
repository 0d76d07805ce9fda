package demo

import (
	"context"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
)

// discovered is what collectors saw in Contoso's estate: users and installs 90, 60 and 30 days ago, and today.
var discovered = []struct {
	source, vendor, product string
	users, installs         [4]int
}{
	{"Configuration Manager", "Microsoft", "Visio Professional 2021", [4]int{14, 16, 17, 18}, [4]int{13, 15, 17, 19}},
	{"Configuration Manager", "Microsoft", "Visio Standard 2016", [4]int{9, 7, 7, 6}, [4]int{11, 8, 8, 7}},
	{"Configuration Manager", "Microsoft", "Microsoft Defender for Endpoint", [4]int{905, 940, 968, 990}, [4]int{1010, 1062, 1090, 1131}},
	{"Configuration Manager", "Oracle", "Java SE 8", [4]int{140, 120, 96, 81}, [4]int{212, 190, 150, 133}},
	{"Configuration Manager", "Oracle", "Java SE 17", [4]int{60, 85, 120, 144}, [4]int{66, 101, 140, 171}},
	{"Configuration Manager", "Oracle", "VirtualBox Extension Pack", [4]int{3, 5, 8, 11}, [4]int{3, 5, 9, 12}},
	{"Jamf Pro", "Adobe", "Acrobat Pro DC", [4]int{71, 74, 80, 84}, [4]int{80, 83, 91, 97}},
	{"Jamf Pro", "Adobe", "Photoshop 2026", [4]int{22, 25, 27, 31}, [4]int{24, 28, 30, 36}},
	{"Jamf Pro", "Figma", "Figma Desktop", [4]int{28, 28, 19, 6}, [4]int{31, 31, 22, 8}},
	{"JetBrains License Vault", "JetBrains", "IntelliJ IDEA Ultimate", [4]int{71, 74, 77, 80}, [4]int{90, 94, 95, 99}},
	{"JetBrains License Vault", "JetBrains", "GoLand", [4]int{18, 22, 25, 29}, [4]int{20, 24, 28, 33}},
}

// allocations are those of Contoso. A product of "" is a purpose, a quantity of 0 is unlimited.
var allocations = []struct {
	sku, product, name string
	quantity           int
	metric, costCenter string
	notes              string
}{
	{"VISIO-PRO-2021", "Visio Professional 2021", "", 12, "", "4100", "Plant engineering keeps the perpetual edition."},
	{"VISIO-PRO-2021", "", "Training room, Copenhagen", 2, "", "4120", ""},
	{"VISIOCLIENT", "Visio Standard 2016", "", 0, "", "", "To be replaced by the subscription."},
	{"WIN_DEF_ATP", "Microsoft Defender for Endpoint", "", 0, "", "", ""},
	{"JAVA-SE-U", "Java SE 8", "", 0, "INSTALLS", "", ""},
	{"JAVA-SE-U", "Java SE 17", "", 0, "INSTALLS", "", ""},
	{"ADB-ACRO-PRO", "Acrobat Pro DC", "", 0, "", "", ""},
	{"ADB-CC-ALL", "Photoshop 2026", "", 0, "", "", "Photoshop comes with all apps only."},
	{"JB-ALL", "IntelliJ IDEA Ultimate", "", 0, "", "", ""},
	{"JB-ALL", "GoLand", "", 0, "", "", ""},
	{"WIN_DEF_ATP", "", "Laboratory machines", 25, "", "5200", "Asked for by Engineering."},
}

// estate loads what is in use and what is allocated to it.
func (l *loader) estate(ctx context.Context) error {
	deployments := map[string]id.ID{}
	for i, days := range []int{-90, -60, -30, 0} {
		var sources []string
		seen := map[string][]operation.DeploymentInput{}
		for _, d := range discovered {
			if seen[d.source] == nil {
				sources = append(sources, d.source)
			}
			seen[d.source] = append(seen[d.source], operation.DeploymentInput{Vendor: d.vendor, Product: d.product, Users: d.users[i], Installs: d.installs[i]})
		}
		for _, source := range sources {
			made, err := run(ctx, l, principal(cora), &operation.RecordDeployments{
				Request: l.next(), Source: source, ObservedAt: l.moment(days), Deployments: seen[source],
			})
			if err != nil {
				return err
			}
			for _, row := range made.Deployments {
				deployments[row.Product] = id.Of(id.Deployment, row.ID)
			}
		}
	}
	for _, a := range allocations {
		if _, err := l.allocate(ctx, a.sku, &operation.CreateAllocation{
			Name: text(a.name), Metric: text(a.metric), CostCenter: text(a.costCenter), Notes: text(a.notes),
		}, deployments, a.product, a.quantity); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) allocate(ctx context.Context, sku string, cmd *operation.CreateAllocation, deployments map[string]id.ID, product string, quantity int) (*ent.Allocation, error) {
	cmd.Request, cmd.LicenseID, cmd.Type = l.next(), l.licenses[sku], "CUSTOM_RESERVATION"
	if product != "" {
		found, err := names(deployments, product)
		if err != nil {
			return nil, err
		}
		cmd.Type, cmd.DeploymentID = "TRACK_DEPLOYMENT", &found[0]
	}
	unlimited := quantity == 0
	if cmd.Unlimited = &unlimited; !unlimited {
		cmd.Quantity = &quantity
	}
	made, err := run(ctx, l, principal(cora), cmd)
	if err != nil {
		return nil, err
	}
	return made.Allocation, nil
}
