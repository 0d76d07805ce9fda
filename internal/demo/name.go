package demo

// culture is where the names of people at a site come from.
type culture struct{ given, family string }

var cultures = map[string]culture{
	"US": {
		`James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth Maria Richard Susan Joseph Jessica Thomas Karen Angela Sarah
		Denise Marcus Tanya Andre Keisha Kevin Emily Brian Nicole Luis Rosa Ethan Olivia Tyler Hannah Darnell Monique`,
		`Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson Taylor Moore Jackson Lee Perez
		Thompson Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Torres Nguyen Hill Flores Adams Nelson Baker
		Campbell Mitchell Carter Reed Bailey Coleman Washington Kim Patel Brooks`,
	},
	"GB": {
		`Oliver Amelia George Isla Harry Olivia Jack Emily Jacob Ava Charlie Sophie Thomas Grace Oscar Lily William Freya Callum Imogen Rhys Megan
		Hamish Fiona Priya Imran Zainab Kwame`,
		`Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood Jackson Clarke
		Patel Khan Lewis James Phillips Mason Mitchell Rose Campbell Fraser Begum Hughes`,
	},
	"DE": {
		`Lukas Anna Felix Lena Jonas Marie Maximilian Sophie Paul Laura Tim Julia Stefan Katrin Jürgen Sabine Uwe Ingrid Emre Aylin`,
		`Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz
		Zimmermann Braun Krüger Yılmaz Hartmann`,
	},
	"FR": {
		`Gabriel Camille Louis Chloé Hugo Manon Jules Léa Antoine Sarah Nicolas Élodie Thierry Isabelle Karim Amina`,
		`Martin Bernard Dubois Thomas Robert Richard Durand Leroy Moreau Simon Laurent Lefèvre Michel Garnier Fournier Girard Bonnet Mercier
		Benali Rousseau`,
	},
	"SE": {
		`Erik Anna Lars Karin Johan Emma Anders Elin Nils Ingrid Björn Sofia Mikael Åsa`,
		`Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Lindberg Åkesson Bergström Nyström`,
	},
	"PL": {
		`Jakub Zofia Piotr Anna Paweł Katarzyna Tomasz Magdalena Marek Agnieszka Michał Ewa`,
		`Nowak Kowalska Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowska Kozłowski Mazur`,
	},
	"NL": {
		`Daan Emma Sem Julia Bram Sanne Pieter Anouk Willem Femke Jeroen Lotte`,
		`Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer`,
	},
	"ES": {
		`Hugo Lucía Pablo María Javier Carmen Diego Elena Sergio Marta Álvaro Inés`,
		`García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Ruiz Navarro Iglesias`,
	},
	"AE": {
		`Omar Fatima Khalid Mariam Yusuf Layla Hassan Noura`,
		`Mansour Haddad Nasser Saleh Rashid Aziz Farouk Karimi`,
	},
	"BR": {
		`Miguel Ana Arthur Beatriz Rafael Larissa Thiago Camila Bruno Fernanda Gustavo Juliana`,
		`Silva Santos Oliveira Souza Lima Pereira Ferreira Costa Rodrigues Almeida Nascimento Araújo Ribeiro Carvalho`,
	},
	"IN": {
		`Aarav Ananya Arjun Diya Rohan Kavya Vikram Sneha Sanjay Meera Karthik Lakshmi Rahul Pooja Nikhil Divya`,
		`Sharma Iyer Reddy Nair Gupta Patel Rao Menon Kulkarni Das Banerjee Joshi Singh Pillai Desai Chatterjee`,
	},
	"JP": {
		`Haruto Yui Sota Sakura Ren Aoi Kenji Naoko Daisuke Emi Takumi Hana`,
		`Sato Suzuki Takahashi Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki`,
	},
	"CN": {
		`Wei Fang Jun Min Lei Xiu Hao Jing Tao Yan Bo Ling`,
		`Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun`,
	},
}

// plain writes the letters of the names above that are not ASCII the way user names have them.
var plain = map[rune]string{
	'ä': "ae", 'ö': "oe", 'ü': "ue", 'ß': "ss", 'é': "e", 'É': "e", 'è': "e", 'å': "a", 'Å': "a", 'ł': "l", 'ś': "s", 'ó': "o", 'ń': "n", 'ź': "z",
	'ą': "a", 'í': "i", 'á': "a", 'Á': "a", 'ı': "i", 'ú': "u",
}
