"""Citations: the papers that methods, tasks and ablations are from, as BibTeX for a paper that uses them.

What is from a paper names it in its class attribute `cites`; another package can give a `Citation` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import combining, normalize


@dataclass(frozen=True)
class Citation:
    """A paper.

    authors  full names, in order; `others` as the last one stands for those not listed
    venue    where it was published; empty of a preprint
    arxiv    its number there; empty where it is not there
    url      of what is neither published nor on arXiv
    """

    authors: tuple[str, ...]
    title: str
    year: int
    venue: str = ""
    arxiv: str = ""
    url: str = ""

    @property
    def key(self) -> str:
        """Family name of the first author, year and first long word of the title: `wang2023interpretability`."""
        first = next((word for word in _plain(self.title).split() if len(word) > _SHORT), _plain(self.title).split()[0])
        return f"{_plain(self._family(0)).replace(' ', '')}{self.year}{first}".lower()

    @property
    def short(self) -> str:
        """As in a text: `Wang et al. 2023`."""
        if len(self.authors) > _NAMED:
            return f"{self._family(0)} et al. {self.year}"
        return f"{' and '.join(map(self._family, range(len(self.authors))))} {self.year}"

    @property
    def full(self) -> str:
        """As in a list of references."""
        names = ", ".join("et al." if name == "others" else name for name in self.authors)
        where = [self.venue, f"arXiv:{self.arxiv}" if self.arxiv else "", self.url]
        return f"{names}. {self.title}. {'. '.join(part for part in (*where, str(self.year)) if part)}."

    @property
    def bibtex(self) -> str:
        """As an entry of a BibTeX file, which ends with a line's end."""
        fields = "".join(f"  {name} = {{{value}}},\n" for name, value in self._fields())
        return f"@{'inproceedings' if self.venue else 'misc'}{{{self.key},\n{fields}}}\n"

    def _fields(self) -> Iterator[tuple[str, str]]:
        yield "author", " and ".join(self.authors)
        yield "title", f"{{{self.title}}}"
        if self.venue:
            yield "booktitle", self.venue
        yield "year", str(self.year)
        if self.arxiv:
            yield from (("eprint", self.arxiv), ("archivePrefix", "arXiv"), ("note", f"arXiv:{self.arxiv}"))
        if self.url:
            yield "howpublished", rf"\url{{{self.url}}}"

    def _family(self, number: int) -> str:
        """The family name of an author: what follows the given names."""
        *given, family = self.authors[number].split()
        return f"{given[-1]} {family}" if given and given[-1].islower() else family


_SHORT, _NAMED = 3, 2  # letters of words that no key begins with; authors that a text names


def _plain(text: str) -> str:
    """Letters without accents, digits, and spaces for everything else."""
    letters = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    return "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in letters)


VIG_2020 = Citation(
    (
        "Jesse Vig",
        "Sebastian Gehrmann",
        "Yonatan Belinkov",
        "Sharon Qian",
        "Daniel Nevo",
        "Yaron Singer",
        "Stuart Shieber",
    ),
    "Investigating Gender Bias in Language Models Using Causal Mediation Analysis",
    2020,
    "Advances in Neural Information Processing Systems",
    "2004.12265",
)
MENG_2022 = Citation(
    ("Kevin Meng", "David Bau", "Alex Andonian", "Yonatan Belinkov"),
    "Locating and Editing Factual Associations in GPT",
    2022,
    "Advances in Neural Information Processing Systems",
    "2202.05262",
)
WANG_2023 = Citation(
    ("Kevin Wang", "Alexandre Variengien", "Arthur Conmy", "Buck Shlegeris", "Jacob Steinhardt"),
    "Interpretability in the Wild: a Circuit for Indirect Object Identification in GPT-2 Small",
    2023,
    "International Conference on Learning Representations",
    "2211.00593",
)
CONMY_2023 = Citation(
    (
        "Arthur Conmy",
        "Augustine Mavor-Parker",
        "Aengus Lynch",
        "Stefan Heimersheim",
        "Adrià Garriga-Alonso",
    ),
    "Towards Automated Circuit Discovery for Mechanistic Interpretability",
    2023,
    "Advances in Neural Information Processing Systems",
    "2304.14997",
)
NANDA_2023 = Citation(
    ("Neel Nanda",),
    "Attribution Patching: Activation Patching At Industrial Scale",
    2023,
    url="https://www.neelnanda.io/mechanistic-interpretability/attribution-patching",
)
SYED_2023 = Citation(
    ("Aaquib Syed", "Can Rager", "Arthur Conmy"),
    "Attribution Patching Outperforms Automated Circuit Discovery",
    2023,
    arxiv="2310.10348",
)
HANNA_2023 = Citation(
    ("Michael Hanna", "Ollie Liu", "Alexandre Variengien"),
    "How does GPT-2 compute greater-than?: Interpreting mathematical abilities in a pre-trained language model",
    2023,
    "Advances in Neural Information Processing Systems",
    "2305.00586",
)
HANNA_2024 = Citation(
    ("Michael Hanna", "Sandro Pezzelle", "Yonatan Belinkov"),
    "Have Faith in Faithfulness: Going Beyond Circuit Overlap When Finding Model Mechanisms",
    2024,
    "Conference on Language Modeling",
    "2403.17806",
)
GOLDOWSKY_DILL_2023 = Citation(
    ("Nicholas Goldowsky-Dill", "Chris MacLeod", "Lucas Sato", "Aryaman Arora"),
    "Localizing Model Behavior with Path Patching",
    2023,
    arxiv="2304.05969",
)
LIEBERUM_2023 = Citation(
    (
        "Tom Lieberum",
        "Matthew Rahtz",
        "János Kramár",
        "Neel Nanda",
        "Geoffrey Irving",
        "Rohin Shah",
        "Vladimir Mikulik",
    ),
    "Does Circuit Analysis Interpretability Scale? Evidence from Multiple Choice Capabilities in Chinchilla",
    2023,
    arxiv="2307.09458",
)
MERULLO_2024 = Citation(
    ("Jack Merullo", "Carsten Eickhoff", "Ellie Pavlick"),
    "Circuit Component Reuse Across Tasks in Transformer Language Models",
    2024,
    "International Conference on Learning Representations",
    "2310.08744",
)
ZHANG_2024 = Citation(
    ("Fred Zhang", "Neel Nanda"),
    "Towards Best Practices of Activation Patching in Language Models: Metrics and Methods",
    2024,
    "International Conference on Learning Representations",
    "2309.16042",
)
HEIMERSHEIM_2024 = Citation(
    ("Stefan Heimersheim", "Neel Nanda"),
    "How to use and interpret activation patching",
    2024,
    arxiv="2404.15255",
)
KRAMAR_2024 = Citation(
    ("János Kramár", "Tom Lieberum", "Rohin Shah", "Neel Nanda"),
    "AtP*: An efficient and scalable method for localizing LLM behaviour to components",
    2024,
    arxiv="2403.00745",
)
LOUIZOS_2018 = Citation(
    ("Christos Louizos", "Max Welling", "Diederik Kingma"),
    "Learning Sparse Neural Networks through L0 Regularization",
    2018,
    "International Conference on Learning Representations",
    "1712.01312",
)
BHASKAR_2024 = Citation(
    ("Adithya Bhaskar", "Alexander Wettig", "Dan Friedman", "Danqi Chen"),
    "Finding Transformer Circuits with Edge Pruning",
    2024,
    "Advances in Neural Information Processing Systems",
    "2406.16778",
)
ONEILL_2024 = Citation(
    ("Charles O'Neill", "Thang Bui"),
    "Sparse Autoencoders Enable Scalable and Reliable Circuit Identification in Language Models",
    2024,
    arxiv="2405.12522",
)
DHAMDHERE_2019 = Citation(
    ("Kedar Dhamdhere", "Mukund Sundararajan", "Qiqi Yan"),
    "How Important Is a Neuron?",
    2019,
    "International Conference on Learning Representations",
    "1805.12233",
)
JAFARI_2025 = Citation(
    ("Farnoush Rezaei Jafari", "Oliver Eberle", "Ashkan Khakzar", "Neel Nanda"),
    "RelP: Faithful and Efficient Circuit Discovery in Language Models via Relevance Patching",
    2025,
    arxiv="2508.21258",
)
LI_2025 = Citation(
    ("Qiming Li", "Zekai Ye", "Xiaocheng Feng", "Weihong Zhong", "Weitao Ma", "Xiachong Feng"),
    "Causal Tracing of Object Representations in Large Vision Language Models: Mechanistic Interpretability and "
    "Hallucination Mitigation",
    2025,
    arxiv="2511.05923",
)
MUELLER_2025 = Citation(
    ("Aaron Mueller", "others"),
    "MIB: A Mechanistic Interpretability Benchmark",
    2025,
    "International Conference on Machine Learning",
    "2504.13151",
)
LINZEN_2016 = Citation(
    ("Tal Linzen", "Emmanuel Dupoux", "Yoav Goldberg"),
    "Assessing the Ability of LSTMs to Learn Syntax-Sensitive Dependencies",
    2016,
    "Transactions of the Association for Computational Linguistics",
    "1611.01368",
)
FINLAYSON_2021 = Citation(
    (
        "Matthew Finlayson",
        "Aaron Mueller",
        "Sebastian Gehrmann",
        "Stuart Shieber",
        "Tal Linzen",
        "Yonatan Belinkov",
    ),
    "Causal Analysis of Syntactic Agreement Mechanisms in Neural Language Models",
    2021,
    "Annual Meeting of the Association for Computational Linguistics",
    "2106.06087",
)
OLSSON_2022 = Citation(
    ("Catherine Olsson", "Nelson Elhage", "Neel Nanda", "Nicholas Joseph", "others"),
    "In-context Learning and Induction Heads",
    2022,
    arxiv="2209.11895",
)
KIM_2023 = Citation(
    ("Najoung Kim", "Sebastian Schuster"),
    "Entity Tracking in Language Models",
    2023,
    "Annual Meeting of the Association for Computational Linguistics",
    "2305.02363",
)
PRAKASH_2024 = Citation(
    ("Nikhil Prakash", "Tamar Rott Shaham", "Tal Haklay", "Yonatan Belinkov", "David Bau"),
    "Fine-Tuning Enhances Existing Mechanisms: A Case Study on Entity Tracking",
    2024,
    "International Conference on Learning Representations",
    "2402.14811",
)
TODD_2024 = Citation(
    ("Eric Todd", "Millicent Li", "Arnab Sen Sharma", "Aaron Mueller", "Byron Wallace", "David Bau"),
    "Function Vectors in Large Language Models",
    2024,
    "International Conference on Learning Representations",
    "2310.15213",
)
GOULD_2024 = Citation(
    ("Rhys Gould", "Euan Ong", "George Ogden", "Arthur Conmy"),
    "Successor Heads: Recurring, Interpretable Attention Heads In The Wild",
    2024,
    "International Conference on Learning Representations",
    "2312.09230",
)
WU_2024 = Citation(
    ("Wenhao Wu", "Yizhong Wang", "Guangxuan Xiao", "Hao Peng", "Yao Fu"),
    "Retrieval Head Mechanistically Explains Long-Context Factuality",
    2024,
    arxiv="2404.15574",
)
GUO_2024 = Citation(
    ("Tianyu Guo", "Druv Pai", "Yu Bai", "Jiantao Jiao", "Michael Jordan", "Song Mei"),
    "Active-Dormant Attention Heads: Mechanistically Demystifying Extreme-Token Phenomena in LLMs",
    2024,
    arxiv="2410.13835",
)
HEIMERSHEIM_2023 = Citation(
    ("Stefan Heimersheim", "Jett Janiak"),
    "A circuit for Python docstrings in a 4-layer attention-only transformer",
    2023,
    url="https://www.alignmentforum.org/posts/u6KXXmKFbXfWzoAXn",
)
FENG_2024 = Citation(
    ("Jiahai Feng", "Jacob Steinhardt"),
    "How do Language Models Bind Entities in Context?",
    2024,
    "International Conference on Learning Representations",
    "2310.17191",
)
WU_2026 = Citation(("Wu", "Tonin", "Cevher"), "CEAP", 2026, arxiv="2606.16920")
