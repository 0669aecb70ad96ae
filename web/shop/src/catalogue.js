// What the shop sells. `picture` names a symbol of pictures.svg, `variants` the colours that styles/pictures.css mixes.

export const CATEGORIES = ["Kitchen", "Table", "Light", "Textiles", "Desk"];

export const VARIANTS = {
  sage: "Sage",
  clay: "Clay",
  ink: "Ink",
  sand: "Sand",
  honey: "Honey",
  oak: "Oak",
  steel: "Steel",
};

export const PRODUCTS = [
  {
    slug: "harbour-mug",
    name: "Harbour mug",
    category: "Table",
    price: 1800,
    variants: ["sage", "clay", "ink"],
    picture: "mug",
    line: "Stoneware that holds the warmth, and a handle for a whole hand.",
    text: "Thrown in small batches and glazed inside and out. It is heavy enough to stay where you put it, and it keeps tea warm for as long as a chapter lasts.",
    facts: ["350 ml", "Dishwasher and microwave safe", "Each glaze falls a little differently"],
  },
  {
    slug: "little-teapot",
    name: "Little teapot",
    category: "Table",
    price: 4600,
    variants: ["clay", "sage", "sand"],
    picture: "teapot",
    line: "Two good cups, a spout that does not drip.",
    text: "We went through eleven spouts before this one. The strainer is steel, lifts out, and fits every leaf from rooibos to oolong.",
    facts: ["600 ml", "Steel strainer included", "Lid stays put when you pour"],
  },
  {
    slug: "stove-kettle",
    name: "Stove kettle",
    category: "Kitchen",
    price: 6200,
    variants: ["ink", "sage", "clay"],
    picture: "kettle",
    line: "Enamel on steel, for gas, induction and camp fires.",
    text: "A kettle with one part that moves: the lid. It hums before it boils, which is the only reminder we wanted.",
    facts: ["1.6 litres", "All hobs, induction too", "Beech handle that stays cool"],
  },
  {
    slug: "hand-grinder",
    name: "Hand grinder",
    category: "Kitchen",
    price: 7900,
    variants: ["oak", "ink"],
    picture: "grinder",
    line: "Coffee for two in forty turns.",
    text: "Conical steel burrs, held by two bearings so that the grind is even. The drawer takes 30 grams, and the crank comes off for the journey.",
    facts: ["30 g of beans", "18 steps from mocha to press", "Spare burrs for ten years"],
  },
  {
    slug: "bread-board",
    name: "Bread board",
    category: "Kitchen",
    price: 3400,
    variants: ["oak", "honey"],
    picture: "board",
    line: "One plank, a groove for crumbs, a hole to hang it.",
    text: "Cut from one plank, so there is no glue to come apart. Oil it twice a year and it will outlast the knife.",
    facts: ["42 × 24 cm", "Oiled with linseed", "From woods that are felled with a plan"],
  },
  {
    slug: "pantry-jar",
    name: "Pantry jar",
    category: "Kitchen",
    price: 2200,
    variants: ["sand", "sage", "clay"],
    picture: "jar",
    line: "Keeps flour dry and moths out.",
    text: "Glazed stoneware with a cork that is turned, not pressed. The band of raw clay on the outside takes pencil, so you can write on it what is inside.",
    facts: ["1.2 litres", "Cork lid with a tight fit", "Stacks when the cork is out"],
  },
  {
    slug: "reading-lamp",
    name: "Reading lamp",
    category: "Light",
    price: 11900,
    variants: ["ink", "sage", "honey"],
    picture: "lamp",
    line: "Warm light where the book is, and nowhere else.",
    text: "The shade turns, the arm tips, and neither needs a screw tightened later. The dimmer is a real knob with a real end.",
    facts: ["2700 K, 450 lumen", "Bulb can be changed by you", "Two metres of woven cable"],
  },
  {
    slug: "beeswax-candle",
    name: "Beeswax candle",
    category: "Light",
    price: 1600,
    variants: ["honey", "sand"],
    picture: "candle",
    line: "Forty hours that smell faintly of summer.",
    text: "Pure beeswax with a cotton wick, poured into a cup that you will keep. It burns clean down to the last centimetre.",
    facts: ["About 40 hours", "Nothing added", "The cup is a good egg cup later"],
  },
  {
    slug: "wool-throw",
    name: "Wool throw",
    category: "Textiles",
    price: 9500,
    variants: ["clay", "sage", "ink"],
    picture: "throw",
    line: "For the end of the sofa that everybody wants.",
    text: "Lambswool, woven with a border of stripes and brushed once. It is large enough to share and light enough to take outside.",
    facts: ["140 × 190 cm", "Lambswool, mulesing free", "Cool wash by hand"],
  },
  {
    slug: "linen-cushion",
    name: "Linen cushion",
    category: "Textiles",
    price: 4200,
    variants: ["sand", "clay", "sage"],
    picture: "cushion",
    line: "Washed linen that looks better unironed.",
    text: "Filled with spelt husks and wool, so it keeps its shape and makes a small sound when you lean back.",
    facts: ["50 × 50 cm", "Cover comes off, 40 °C", "Hidden wooden buttons"],
  },
  {
    slug: "field-notebook",
    name: "Field notebook",
    category: "Desk",
    price: 1200,
    variants: ["ink", "clay", "sage"],
    picture: "notebook",
    line: "Lies flat, fits a coat pocket, takes a fountain pen.",
    text: "Sewn in eight sections, so it opens flat on the first page and on the last. The paper is dotted so faintly that you may ignore it.",
    facts: ["128 pages, 90 g", "Sewn, not glued", "Pocket in the back for tickets"],
  },
  {
    slug: "window-pot",
    name: "Window pot",
    category: "Desk",
    price: 2800,
    variants: ["clay", "sand", "ink"],
    picture: "pot",
    line: "A home for the basil that usually gives up.",
    text: "The foot holds a day and a half of water and gives it back slowly. The herb in the picture is not included, the advice card is.",
    facts: ["Ø 14 cm", "Water reservoir in the foot", "With a card about light"],
  },
];

const bySlug = new Map(PRODUCTS.map((product) => [product.slug, product]));

export function product(slug) {
  return bySlug.get(slug);
}

/** Up to `count` other products, those of the same category first. */
export function others(one, count) {
  const rest = PRODUCTS.filter((each) => each !== one);
  const near = rest.filter((each) => each.category === one.category);
  return [...near, ...rest.filter((each) => each.category !== one.category)].slice(0, count);
}
