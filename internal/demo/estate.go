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
	{"Configuration Manager", "Microsoft", "Office LTSC Professional Plus 2024", [4]int{88, 97, 109, 117}, [4]int{94, 104, 121, 133}},
	{"Configuration Manager", "Microsoft", "Office Professional Plus 2016", [4]int{41, 30, 19, 12}, [4]int{44, 32, 20, 13}},
	{"Configuration Manager", "Microsoft", "SQL Server 2022 Standard", [4]int{0, 0, 0, 0}, [4]int{22, 25, 29, 31}},
	{"Configuration Manager", "Microsoft", "SQL Server 2019 Standard", [4]int{0, 0, 0, 0}, [4]int{19, 17, 14, 12}},
	{"Configuration Manager", "Oracle", "Java SE 8", [4]int{140, 120, 96, 81}, [4]int{212, 190, 150, 133}},
	{"Configuration Manager", "Oracle", "Java SE 17", [4]int{60, 85, 120, 144}, [4]int{66, 101, 140, 171}},
	{"Configuration Manager", "Oracle", "VirtualBox Extension Pack", [4]int{3, 5, 8, 11}, [4]int{3, 5, 9, 12}},
	{"Jamf Pro", "Adobe", "Acrobat Classic 2024", [4]int{36, 38, 40, 41}, [4]int{38, 40, 43, 44}},
	{"Jamf Pro", "Figma", "Figma Desktop", [4]int{28, 28, 19, 6}, [4]int{31, 31, 22, 8}},
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
	{"OFFICE-LTSC-2024", "Office LTSC Professional Plus 2024", "Offices", 100, "", "3000", ""},
	{"OFFICE-LTSC-2024", "", "Machines on the shop floor", 15, "", "4100", "For the line that opens next quarter."},
	{"SQL-STD-2022", "SQL Server 2022 Standard", "", 30, "", "5100", ""},
	{"SQL-STD-2022", "SQL Server 2019 Standard", "", 0, "", "", "By downgrade rights."},
	{"ADB-ACRO-2024", "Acrobat Classic 2024", "", 0, "", "", ""},
	{"JAVA-SE-U", "Java SE 8", "", 0, "INSTALLS", "", ""},
	{"JAVA-SE-U", "Java SE 17", "", 0, "INSTALLS", "", ""},
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
