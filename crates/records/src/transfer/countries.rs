//! Countries by the names that people write into spreadsheets.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::headers::plain;

/// The code of a country's English name, of a common name of its own, or of its three letters; none when it isn't known
/// (a code of two letters is judged by the field itself).
pub(super) fn code(name: &str) -> Option<&'static str> {
    static BY_NAME: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
        let countries = NAMES
            .split(';')
            .filter_map(|country| country.trim().split_once(' '));
        countries
            .flat_map(|(code, names)| names.split(' ').map(move |name| (name, code)))
            .collect()
    });
    if name.len() < 3 && !name.eq_ignore_ascii_case("uk") {
        return None;
    }
    BY_NAME.get(plain(name).as_str()).copied()
}

/// ISO 3166-1 alpha-2, then names without blanks, case and accents.
const NAMES: &str = "\
AD andorra and; AE unitedarabemirates uae are; AF afghanistan afg;
AG antiguaandbarbuda antiguabarbuda atg; AI anguilla aia; AL albania alb; AM armenia arm; AO angola ago;
AQ antarctica antarcticatheterritorysouthof60degs ata; AR argentina arg;
AS samoaamerican americansamoa asm; AT austria osterreich aut; AU australia aus; AW aruba abw;
AX alandislands ala; AZ azerbaijan aze; BA bosniaherzegovina bosniaandherzegovina bih; BB barbados brb;
BD bangladesh bgd; BE belgium belgique belgie belgien bel; BF burkinafaso bfa; BG bulgaria bgr;
BH bahrain bhr; BI burundi bdi; BJ benin ben; BL stbarthelemy saintbarthelemy blm; BM bermuda bmu;
BN brunei bruneidarussalam brn; BO bolivia plurinationalstateofbolivia bol;
BQ caribbeannl bonaire caribbeannetherlands bes; BR brazil brasil bra; BS bahamas thebahamas bhs;
BT bhutan btn; BV bouvetisland bouvetislandbouvetoya bvt; BW botswana bwa; BY belarus blr; BZ belize blz;
CA canada can; CC cocoskeelingislands cocosislands cck;
CD congodemrep drcongo democraticrepublicofthecongo cod; CF centralafricanrep centralafricanrepublic caf;
CG congorep congo republicofthecongo cog; CH switzerland schweiz suisse svizzera che;
CI cotedivoire ivorycoast civ; CK cookislands cok; CL chile chl; CM cameroon cmr;
CN china peoplesrepublicofchina chn; CO colombia col; CR costarica cri; CU cuba cub;
CV capeverde caboverde cpv; CW curacao cuw; CX christmasisland cxr; CY cyprus cyp;
CZ czechrepublic czechia cze; DE germany deutschland deu; DJ djibouti dji; DK denmark danmark dnk;
DM dominica dma; DO dominicanrepublic dom; DZ algeria dza; EC ecuador ecu; EE estonia est; EG egypt egy;
EH westernsahara esh; ER eritrea eri; ES spain espana esp; ET ethiopia eth; FI finland suomi fin;
FJ fiji fji; FK falklandislands falklandislandsmalvinas flk;
FM micronesia federatedstatesofmicronesia fsm; FO faroeislands fro; FR france francia fra; GA gabon gab;
GB britain britainuk uk unitedkingdom greatbritain england scotland wales northernireland gbr;
GD grenada grd; GE georgia geo; GF frenchguiana guf; GG guernsey ggy; GH ghana gha; GI gibraltar gib;
GL greenland grl; GM gambia thegambia gmb; GN guinea gin; GP guadeloupe glp; GQ equatorialguinea gnq;
GR greece grc; GS southgeorgiathesouthsandwichislands southgeorgiaandthesouthsandwichislands sgs;
GT guatemala gtm; GU guam gum; GW guineabissau gnb; GY guyana guy; HK hongkong hkg;
HM heardislandmcdonaldislands heardislandandmcdonaldislands hmd; HN honduras hnd; HR croatia hrv;
HT haiti hti; HU hungary hun; ID indonesia idn; IE ireland republicofireland irl; IL israel isr;
IM isleofman imn; IN india ind;
IO britishindianoceanterritory britishindianoceanterritorychagosarchipelago iot; IQ iraq irq;
IR iran islamicrepublicofiran irn; IS iceland isl; IT italy italia ita; JE jersey jey; JM jamaica jam;
JO jordan jor; JP japan nippon jpn; KE kenya ken; KG kyrgyzstan kyrgyzrepublic kgz; KH cambodia khm;
KI kiribati kir; KM comoros com; KN stkittsandnevis stkittsnevis saintkittsandnevis kna;
KP koreanorth northkorea prk; KR koreasouth southkorea republicofkorea korea kor; KW kuwait kwt;
KY caymanislands cym; KZ kazakhstan kaz; LA laos laopeoplesdemocraticrepublic lao; LB lebanon lbn;
LC stlucia saintlucia lca; LI liechtenstein lie; LK srilanka lka; LR liberia lbr; LS lesotho lso;
LT lithuania ltu; LU luxembourg lux; LV latvia lva; LY libya libyanarabjamahiriya lby; MA morocco mar;
MC monaco mco; MD moldova republicofmoldova mda; ME montenegro mne; MF stmartinfrench saintmartin maf;
MG madagascar mdg; MH marshallislands mhl; MK northmacedonia macedonia mkd; ML mali mli;
MM myanmar myanmarburma burma mmr; MN mongolia mng; MO macau macao mac; MP northernmarianaislands mnp;
MQ martinique mtq; MR mauritania mrt; MS montserrat msr; MT malta mlt; MU mauritius mus; MV maldives mdv;
MW malawi mwi; MX mexico mexique mex; MY malaysia mys; MZ mozambique moz; NA namibia nam;
NC newcaledonia ncl; NE niger ner; NF norfolkisland nfk; NG nigeria nga; NI nicaragua nic;
NL netherlands holland thenetherlands nederland nld; NO norway norge nor; NP nepal npl; NR nauru nru;
NU niue niu; NZ newzealand nzl; OM oman omn; PA panama pan; PE peru per; PF frenchpolynesia pyf;
PG papuanewguinea png; PH philippines thephilippines phl; PK pakistan pak; PL poland polska pol;
PM stpierremiquelon stpierreandmiquelon saintpierreandmiquelon spm; PN pitcairn pitcairnislands pcn;
PR puertorico pri; PS palestine palestinianterritory pse; PT portugal prt; PW palau plw; PY paraguay pry;
QA qatar qat; RE reunion reu; RO romania rou; RS serbia srb; RU russia russianfederation rus;
RW rwanda rwa; SA saudiarabia sau; SB solomonislands slb; SC seychelles syc; SD sudan sdn;
SE sweden sverige swe; SG singapore sgp; SH sthelena sainthelena shn; SI slovenia svn;
SJ svalbardandjanmayen svalbardjanmayen svalbardjanmayenislands sjm;
SK slovakia slovakrepublic slovakiaslovakrepublic svk; SL sierraleone sle; SM sanmarino smr;
SN senegal sen; SO somalia som; SR suriname sur; SS southsudan ssd;
ST saotomeandprincipe saotomeprincipe stp; SV elsalvador slv;
SX stmaartendutch stmaarten sintmaarten sxm; SY syria syrianarabrepublic syr;
SZ eswatiniswaziland eswatini swaziland swz; TC turkscaicosis turksandcaicosis turksandcaicosislands tca;
TD chad tcd; TF frenchsterr frenchsouthernterritories atf; TG togo tgo; TH thailand tha;
TJ tajikistan tjk; TK tokelau tkl; TL easttimor timorleste tls; TM turkmenistan tkm; TN tunisia tun;
TO tonga ton; TR turkey turkiye tur; TT trinidadtobago trinidadandtobago tto; TV tuvalu tuv;
TW taiwan twn; TZ tanzania unitedrepublicoftanzania tza; UA ukraine ukr; UG uganda uga;
UM usminoroutlyingislands unitedstatesminoroutlyingislands umi;
US unitedstates usa unitedstatesofamerica america; UY uruguay ury; UZ uzbekistan uzb;
VA vaticancity holyseevaticancitystate vatican holysee vat;
VC stvincent saintvincentandthegrenadines vct; VE venezuela bolivarianrepublicofvenezuela ven;
VG virginislandsuk britishvirginislands vgb;
VI virginislandsus unitedstatesvirginislands usvirginislands vir; VN vietnam vnm; VU vanuatu vut;
WF wallisandfutuna wallisfutuna wlf; WS samoawestern samoa wsm; YE yemen yem; YT mayotte myt;
ZA southafrica zaf; ZM zambia zmb; ZW zimbabwe zwe";

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn countries_are_known_by_several_names() {
        for (name, expected) in [
            ("United States", Some("US")),
            ("USA", Some("US")),
            ("uk", Some("GB")),
            ("Côte d'Ivoire", Some("CI")),
            ("Bosnia & Herzegovina", Some("BA")),
            ("Trinidad and Tobago", Some("TT")),
            ("Österreich", Some("AT")),
            ("CA", None),
            ("Atlantis", None),
        ] {
            assert_eq!(code(name), expected, "{name}");
        }
    }
}
