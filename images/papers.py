"""What is in an image, for those who must know: a bill of materials (SPDX 2.3) and a list of licences."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from contents import Contents, Package


def licence_list(contents: Contents) -> str:
    rows = ["Package, version: licences. The texts are in /usr/share/doc/PACKAGE/copyright.", "",
            "pannier: Apache-2.0"]
    rows += [f"{each.name} {each.version}: {', '.join(each.licences) or 'see its text'}"
             for each in sorted(contents.packages.values(), key=lambda each: each.name)]
    return "\n".join(rows) + "\n"


def described(package: Package) -> dict:
    return {"SPDXID": f"SPDXRef-{package.name.replace('+', 'p')}", "name": package.name,
            "versionInfo": package.version, "supplier": "Organization: Debian",
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION", "licenseComments": ", ".join(package.licences),
            "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{package.name}@{package.version}"
                                                  f"?arch={package.architecture}"}]}


def bill_of_materials(name: str, version: str, commit: str, moment: int, contents: Contents) -> str:
    """`moment`: in seconds since 1970, of the commit, so that the same sources give the same bytes."""
    packages = sorted(contents.packages.values(), key=lambda each: each.name)
    ours = {"SPDXID": "SPDXRef-image", "name": name, "versionInfo": version, "supplier": "NOASSERTION",
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"}
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name} {version}", "documentNamespace": f"urn:pannier:{name}:{version}:{commit}",
        "creationInfo": {"created": datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: images/make.py"]},
        "packages": [ours, *(described(each) for each in packages)],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-image"},
            *({"spdxElementId": "SPDXRef-image", "relationshipType": "CONTAINS",
               "relatedSpdxElement": described(each)["SPDXID"]} for each in packages)]}
    return json.dumps(document, indent=1) + "\n"
