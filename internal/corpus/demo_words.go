package corpus

// demoTopic is the vocabulary of a topic of the demo corpus.
type demoTopic struct {
	jobs      []string // each goes with "a"
	places    []string
	things    [][2]string // one, several
	deeds     []string    // in the past, with things for an object
	qualities []string
}

var demoTopics = []demoTopic{
	{
		jobs: []string{"baker", "cook"}, places: []string{"kitchen", "bakery", "pantry"},
		things:    [][2]string{{"cake", "cakes"}, {"loaf", "loaves"}, {"bowl", "bowls"}, {"spoon", "spoons"}, {"pie", "pies"}, {"oven", "ovens"}},
		deeds:     []string{"baked", "tasted", "stirred"},
		qualities: []string{"sweet", "crisp", "burnt", "salty"},
	}, {
		jobs: []string{"farmer", "shepherd"}, places: []string{"barn", "field", "stable"},
		things:    [][2]string{{"sheep", "sheep"}, {"cow", "cows"}, {"goose", "geese"}, {"plough", "ploughs"}, {"fence", "fences"}, {"calf", "calves"}},
		deeds:     []string{"fed", "herded", "sold"},
		qualities: []string{"muddy", "healthy", "stubborn", "tame"},
	}, {
		jobs: []string{"sailor", "fisher"}, places: []string{"harbour", "lighthouse", "beach"},
		things:    [][2]string{{"boat", "boats"}, {"net", "nets"}, {"sail", "sails"}, {"anchor", "anchors"}, {"oar", "oars"}, {"shell", "shells"}},
		deeds:     []string{"mended", "hauled", "launched"},
		qualities: []string{"wet", "leaky", "swift", "rusty"},
	}, {
		jobs: []string{"teacher", "pupil"}, places: []string{"school", "classroom", "playground"},
		things:    [][2]string{{"pencil", "pencils"}, {"lesson", "lessons"}, {"desk", "desks"}, {"map", "maps"}, {"ruler", "rulers"}, {"essay", "essays"}},
		deeds:     []string{"explained", "copied", "marked"},
		qualities: []string{"difficult", "easy", "neat", "boring"},
	}, {
		jobs: []string{"doctor", "nurse"}, places: []string{"hospital", "ward", "pharmacy"},
		things:    [][2]string{{"patient", "patients"}, {"pill", "pills"}, {"bandage", "bandages"}, {"needle", "needles"}, {"syrup", "syrups"}, {"thermometer", "thermometers"}},
		deeds:     []string{"examined", "treated", "ordered"},
		qualities: []string{"feverish", "bitter", "sterile", "weak"},
	}, {
		jobs: []string{"merchant", "tailor"}, places: []string{"market", "shop", "square"},
		things:    [][2]string{{"carpet", "carpets"}, {"ribbon", "ribbons"}, {"lamp", "lamps"}, {"mirror", "mirrors"}, {"button", "buttons"}, {"shirt", "shirts"}},
		deeds:     []string{"bought", "priced", "wrapped"},
		qualities: []string{"cheap", "expensive", "silky", "fashionable"},
	}, {
		jobs: []string{"pianist", "singer"}, places: []string{"theatre", "stage", "balcony"},
		things:    [][2]string{{"song", "songs"}, {"violin", "violins"}, {"drum", "drums"}, {"flute", "flutes"}, {"melody", "melodies"}, {"trumpet", "trumpets"}},
		deeds:     []string{"played", "practised", "tuned"},
		qualities: []string{"loud", "gentle", "cheerful", "solemn"},
	}, {
		jobs: []string{"gardener", "florist"}, places: []string{"garden", "greenhouse", "orchard"},
		things:    [][2]string{{"rose", "roses"}, {"tulip", "tulips"}, {"apple", "apples"}, {"seed", "seeds"}, {"tree", "trees"}, {"leaf", "leaves"}},
		deeds:     []string{"planted", "watered", "picked"},
		qualities: []string{"fragrant", "ripe", "withered", "thorny"},
	}, {
		jobs: []string{"driver", "conductor"}, places: []string{"station", "platform", "tunnel"},
		things:    [][2]string{{"train", "trains"}, {"ticket", "tickets"}, {"wagon", "wagons"}, {"suitcase", "suitcases"}, {"signal", "signals"}, {"whistle", "whistles"}},
		deeds:     []string{"checked", "loaded", "missed"},
		qualities: []string{"late", "punctual", "crowded", "fast"},
	}, {
		jobs: []string{"librarian", "writer"}, places: []string{"library", "archive", "museum"},
		things:    [][2]string{{"book", "books"}, {"letter", "letters"}, {"shelf", "shelves"}, {"poem", "poems"}, {"diary", "diaries"}, {"novel", "novels"}},
		deeds:     []string{"read", "borrowed", "translated"},
		qualities: []string{"dusty", "thick", "famous", "thrilling"},
	}, {
		jobs: []string{"guide", "climber"}, places: []string{"valley", "summit", "hut"},
		things:    [][2]string{{"rope", "ropes"}, {"rock", "rocks"}, {"glacier", "glaciers"}, {"boot", "boots"}, {"tent", "tents"}, {"cliff", "cliffs"}},
		deeds:     []string{"crossed", "climbed", "packed"},
		qualities: []string{"steep", "icy", "dangerous", "rocky"},
	}, {
		jobs: []string{"smith", "carpenter"}, places: []string{"workshop", "forge", "sawmill"},
		things:    [][2]string{{"hammer", "hammers"}, {"nail", "nails"}, {"plank", "planks"}, {"knife", "knives"}, {"wheel", "wheels"}, {"saw", "saws"}},
		deeds:     []string{"forged", "sharpened", "repaired"},
		qualities: []string{"sharp", "blunt", "sturdy", "crooked"},
	},
}

var (
	demoWomen = []string{"Anna", "Clara", "Emma", "Greta", "Helen", "Irene", "Julia", "Laura", "Maria", "Nora", "Paula", "Rosa", "Sarah", "Vera"}
	demoMen   = []string{"Albert", "Bruno", "Carl", "David", "Felix", "George", "Henry", "Jacob", "Leo", "Martin", "Oscar", "Peter", "Robert", "Tom"}

	demoColours  = []string{"red", "blue", "green", "yellow", "white", "black", "purple", "brown"}
	demoGarments = []string{"coat", "hat", "scarf", "jacket", "cap"}
	demoPets     = []string{"dog", "cat", "parrot", "rabbit", "horse", "monkey"}
	demoSpots    = []string{"table", "bench", "stairs", "window", "ladder"}
	demoDays     = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	demoNumbers  = []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

	demoContrasts = [][2]string{{"warm", "cold"}, {"bright", "dark"}, {"noisy", "quiet"}, {"full", "empty"}, {"open", "closed"}}
)

// The scenes that stories are made of; demoSlots says what fills the slots.
var (
	demoOpenings = [][]string{
		{"{A} is a {job} and works in the {place}.", "{he} always wears a {garment}.", "{B} is a {job2} and wears a {garment2}."},
		{"Once there was a {job} called {A}, who had a {garment} and a {pet}.", "{his} best friend was the {job2} {B}.", "{B} had a {pet2} and liked {his2} {garment2}."},
		{"Everybody in the {place} knew {A}, the {job} with the {garment}.", "{he} often met {B}, a {job2}.", "{B} never went out without {his2} {garment2}."},
	}
	demoScenes = [][]string{
		{"On {day} {A} {did} {k} {things} in the {place}.", "All {k} {things} were {good}.", "{he} showed the {things} to {B}."},
		{"{A} counted the {things}: {count}.", "There were {k} {things} under the {under}.", "{B} counted them too and found {k}."},
		{"{A} had {k} {things} and {B} had {j}.", "Together they had {sum} {things}."},
		{"The {thing} is {good}, but the {others} are {bad}.", "{A} likes the {thing}, and {B} likes the {others}."},
		{"{B} asked: \"Where is the {thing}?\"", "{A} answered: \"The {thing} is in the {elsewhere}.\"", "So {B} went to the {elsewhere} and found the {thing} under the {under}."},
		{"In the morning the {place} was {hot}, but in the evening it was {cold}.", "{A} liked the {place} {hot}, and {B} liked it {cold}."},
		{"On {day} {A} stayed in the {place}.", "On {tomorrow} {he} went to the {elsewhere} with {B}.", "On {later} both of them {did} the {things}."},
		{"{A} looked for {his} {pet}.", "The {pet} slept between the {things}, on {his} {garment}.", "{B} laughed, because {his2} {pet2} was in the {place} too."},
		{"{A} lost {his} {garment} in the {elsewhere}.", "{B} helped {him} and looked behind the {things}.", "At last {he2} found the {garment} under the {under}."},
		{"This {thing} is {good}, and these {others} are {good} too.", "{A} {did} the {thing} and gave the {others} to {B}.", "{B} thanked {him} and put the {others} in the {elsewhere}."},
		{"One {thing} was {bad}.", "So {A}, who was a good {job}, took {k} {others} instead.", "The {k} {others} were not {bad} at all."},
	}
	demoEndings = [][]string{
		{"In the evening {A} put on {his} {garment} and left the {place}.", "{B} took {his2} {garment2} and the {things} and followed {him}."},
		{"At night the {place} was closed, and {A} and {B} were tired.", "{A} dreamed of {things}, and {B} dreamed of {others}."},
		{"{A} thanked {B} for the {things}.", "\"See you in the {elsewhere} on {tomorrow}\", said {B} and called {his2} {pet2}."},
	}
)
