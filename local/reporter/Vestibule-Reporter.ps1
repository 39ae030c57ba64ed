#Requires -Version 5.1
<#
Vestibule reporter: posts what the Enrollment Status Page of this PC has written into its own log. Beta.
Without a parameter it installs itself (as SYSTEM or an administrator): it copies itself to %ProgramData%\Vestibule, which only SYSTEM and
administrators may read, and adds the task \Vestibule\Reporter, which runs it as SYSTEM each minute. It removes both when the set-up is
over: 10 minutes after the page is done and a person has the desktop, or after a day. -Run is one run, as the task makes it. -WhatIf
prints what a first run would post, a body a line and in ASCII, and keeps nothing. -Uninstall removes all of it. It sends: serial number,
name, model and Windows version of the device, who enrolled it, its Autopilot settings, the page's records (event 62407 of
Microsoft-Windows-Shell-Core/Operational), and the states of the apps that the page waits for. It changes: that folder, that task, and the
value HKLM\SOFTWARE\Vestibule\Reporter, which stays so that Intune does not install it again. It runs nothing that it receives.
#>
param([switch]$Run, [switch]$WhatIf, [switch]$Uninstall)
Set-StrictMode -Version 1.0
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
# "vestibule source add" fills these in. If it did not, config.json beside this script has both.
$Url = '{url}'
$Secret = '{secret}'
$Version = '1.0.0'
$Folder = Join-Path $env:ProgramData 'Vestibule'
$Task = @{ TaskPath = '\Vestibule\'; TaskName = 'Reporter' }
$PageLog = 'Microsoft-Windows-Shell-Core/Operational'
$EnrollmentLog = 'Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin'
$Page = 'CommercialOOBE_(ESP|BootstrapStatus)|DevicePrepPage_'
$Begins = 'ESPProgress_WhiteGloveMode_|ESPProgress_Category_Started|DevicePrepPage_AgentDownloadAndInstall_Starting'
$Ends = 'ESPProgress_Page_Exiting|ESPProgress_Category_Success.*AccountSetupCategory|DevicePrepPage_\w+_ProvisioningComplete'
$Guid = '[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
# The registry's 64-bit view, in any PowerShell.
$Registry = [Microsoft.Win32.RegistryKey]::OpenBaseKey('LocalMachine', 'Registry64')
# Without this, PowerShell 5.1 may write an array into JSON as an object with "value" and "Count".
Remove-TypeData -TypeName System.Array -ErrorAction SilentlyContinue

function Get-Text([datetime]$Time) { $Time.ToUniversalTime().ToString('o') }
function Get-Hours([string]$Since) { ([datetime]::UtcNow - [Xml.XmlConvert]::ToDateTime($Since, 'Utc')).TotalHours }
function Get-Json($Value) { ConvertTo-Json -InputObject $Value -Depth 6 -Compress }
function Write-Log([string]$Text) {
    $path = "$Folder\reporter.log"
    if ((Test-Path $path) -and (Get-Item $path).Length -gt 512KB) { Move-Item $path "$path.old" -Force }
    Add-Content $path "$(Get-Text (Get-Date)) $Text" -Encoding UTF8
}
# The registry: no keys, or null, for a key or value that does not exist.
function Get-Keys([string]$Path) { $key = $Registry.OpenSubKey($Path); if ($null -ne $key) { $key.GetSubKeyNames() } }
function Get-Value([string]$Path, $Name) { $key = $Registry.OpenSubKey($Path); if ($null -ne $key) { $key.GetValue($Name) } else { $null } }
# The newest list below a key, as JSON. Each subkey is a list, named by its time; its values are addresses and states.
function Get-Tracked([string]$Path) {
    $times = @(Get-Keys $Path | Where-Object { $_ -ne 'LastLoggedState' } | Sort-Object { $_ -as [datetime] }, { $_ })
    if ($times.Count -eq 0) { return $null }
    $msi = 'SOFTWARE\Microsoft\EnterpriseDesktopAppManagement\S-0-0-00-0000000000-0000000000-000000000-000\MSI'
    $list = $Registry.OpenSubKey("$Path\$($times[-1])")
    $states = [ordered]@{}
    foreach ($address in ($list.GetValueNames() | Sort-Object)) {
        # Intune's own agent is in the list, but it is not an app of the page's profile.
        if ([Uri]::UnescapeDataString($address) -match "/MSI/(\{$Guid\})" -and
            [string](Get-Value "$msi\$($Matches[1])" 'CurrentDownloadUrl') -match 'IntuneWindowsAgent\.msi') { continue }
        $states[$address] = [string]$list.GetValue($address)
    }
    return Get-Json $states
}
# The facts about apps: JSON by name. Single apps are included only if they have an error code.
function Get-Facts {
    $facts = @{}
    $lists = 'SOFTWARE\Microsoft\Windows\Autopilot\EnrollmentStatusTracking\ESPTrackingInfo\Diagnostics'
    $users = @(Get-Keys $lists | Where-Object { $_ -like 'S-*' })
    foreach ($list in 'Sidecar', 'ExpectedMSIAppPackages', 'ExpectedModernAppPackages') {
        $facts["tracked/device/$list"] = Get-Tracked "$lists\$list"
        foreach ($user in $users) { $facts["tracked/user/$list"] = Get-Tracked "$lists\$user\$list" }
    }
    $apps = 'SOFTWARE\Microsoft\IntuneManagementExtension\Win32Apps'
    $facts['workloads'] = Get-Value "$apps\ProvisioningProgress" 'ProvisioningProgress'
    foreach ($user in (Get-Keys $apps | Where-Object { $_ -match "^$Guid$" })) {
        foreach ($key in (Get-Keys "$apps\$user" | Where-Object { $_ -match "^${Guid}_\d+$" } | Sort-Object)) {
            $message = [string](Get-Value "$apps\$user\$key\EnforcementStateMessage" 'EnforcementStateMessage')
            $codes = [ordered]@{ errorCode = $null; exitCode = Get-Value "$apps\$user\$key" 'ExitCode' }
            if ($message -match '"ErrorCode":\s*(-?\d{1,10})') { $codes.errorCode = [long]$Matches[1] }
            if ($codes.errorCode -or $codes.exitCode) { $facts["app/$user/$($key.Substring(0, 36))"] = Get-Json $codes }
        }
    }
    return $facts
}
# Bodies with at most 40 of these records or facts. Each repeats the device, its user, and the configuration of Windows. The list
# is joined by hand, because PowerShell easily writes a list of one entry as no list.
function Get-Bodies($State, [string]$Kind, [object[]]$Entries) {
    if ($Entries.Count -eq 0) { return }
    $os, $system, $bios = 'OperatingSystem', 'ComputerSystem', 'BIOS' | ForEach-Object { Get-CimInstance "Win32_$_" }
    $autopilot = 'SOFTWARE\Microsoft\Provisioning\Diagnostics\Autopilot'
    $all = 'SOFTWARE\Microsoft\Enrollments'
    $own = @(Get-Keys $all | Where-Object { [string](Get-Value "$all\$_" 'ProviderID') -eq 'MS DM Server' }) + 'none'
    $sync = "$all\$($own[0])\FirstSync"
    $upn = [string](Get-Value "$all\$($own[0])" 'UPN')
    if ($upn -eq '' -or $upn -match '^(foouser|autopilot)@') { $upn = $null }
    $head = Get-Json ([ordered]@{
        schema = 1; session = $State.session; sentAt = Get-Text (Get-Date); reporter = @{ version = $Version }; user = @{ principalName = $upn }
        device = [ordered]@{
            serialNumber = [string]$bios.SerialNumber; name = $env:COMPUTERNAME; entraDeviceId = $null
            mdmDeviceId = Get-Value "$autopilot\EstablishedCorrelations" 'EntDMID'; sku = [long]$os.OperatingSystemSKU
            manufacturer = $system.Manufacturer; model = $system.Model
            osVersion = "$($os.Version).$(Get-Value 'SOFTWARE\Microsoft\Windows NT\CurrentVersion' 'UBR')" }
        windows = [ordered]@{
            enrolledAt = $State.enrolledAt; autopilotProfile = Get-Value $autopilot 'DeploymentProfileName'
            oobeConfig = Get-Value $autopilot 'CloudAssignedOobeConfig'
            domainJoinMethod = Get-Value 'SOFTWARE\Microsoft\Provisioning\AutopilotPolicyCache' 'CloudAssignedDomainJoinMethod'
            devicePreparation = $null -ne (Get-Value 'SOFTWARE\Microsoft\Provisioning\AutopilotSettings' 'AutopilotDevicePrepHint')
            firstSync = [ordered]@{
                skipDevice = Get-Value $sync 'SkipDeviceStatusPage'; skipUser = Get-Value $sync 'SkipUserStatusPage'
                block = Get-Value $sync 'BlockInStatusPage'; collectLogs = Get-Value $sync 'AllowCollectLogsButton'
                timeoutMinutes = Get-Value $sync 'SyncFailureTimeout' } }
        parts = @($State.parts) })
    for ($first = 0; $first -lt $Entries.Count; $first += 40) {
        $some = @(foreach ($one in $Entries[$first..([Math]::Min($first + 39, $Entries.Count - 1))]) { Get-Json $one })
        $head.Substring(0, $head.Length - 1) + ',"' + $Kind + '":[' + ($some -join ',') + ']}'
    }
}
function Read-State {
    # Only the second exists if the power failed while the first was being replaced.
    foreach ($path in "$Folder\state.json", "$Folder\state.new") {
        if ($WhatIf -or -not (Test-Path $path)) { continue }
        try { return ConvertFrom-Json ([IO.File]::ReadAllText($path)) } catch { Write-Log "$path cannot be read: $_" }
    }
    return [pscustomobject]@{
        session = [guid]::NewGuid().ToString(); firstRun = Get-Text (Get-Date); enrolledAt = $null; lastRecordId = [long]0
        parts = @(); partIsOver = $false; doneAt = $null; pausedAt = $null; known = [pscustomobject]@{}; undelivered = @() }
}
function Save-State($State) {
    [IO.File]::WriteAllText("$Folder\state.new", (Get-Json $State))
    Move-Item "$Folder\state.new" "$Folder\state.json" -Force
}
# The page's records since the last run; at first those of the last day; all if the log was cleared since, as ids then start anew.
# A user's part begins when the page opens again after the technician's. Get-WinEvent reports an error if there are no records.
function Get-Records($State) {
    $since = if ($State.lastRecordId -eq 0) { ' and TimeCreated[timediff(@SystemTime) <= 86400000]' } else { '' }
    $newest = @(Get-WinEvent -LogName $PageLog -MaxEvents 1 -ErrorAction SilentlyContinue)
    if ($newest.Count -gt 0 -and $newest[0].RecordId -lt $State.lastRecordId) { $State.lastRecordId = [long]0 }
    $last = $State.lastRecordId; $waits = $false
    $query = @{ LogName = $PageLog; FilterXPath = "*[System[EventID=62407 and EventRecordID>$last$since]]"; Oldest = $true }
    $records = @(foreach ($entry in @(Get-WinEvent @query -ErrorAction SilentlyContinue)) {
        $last = [long]$entry.RecordId
        $data = @(foreach ($one in $entry.Properties) { $text = [string]$one.Value; $text.Substring(0, [Math]::Min($text.Length, 2000)) })
        if (($data -join ' ') -notmatch $Page) { continue }
        # The page often withdraws a failure at once, so all records wait for the next run.
        $age = ((Get-Date) - $entry.TimeCreated).TotalSeconds
        if (-not $WhatIf -and ($data -join ' ') -match '_Failed' -and $age -ge 0 -and $age -lt 30) { $waits = $true }
        [ordered]@{ id = $last; part = 0; at = Get-Text $entry.TimeCreated; event = 62407; data = [string[]]$data }
    })
    if ($waits) { return }
    $State.lastRecordId = $last
    foreach ($record in $records) {
        $text = $record.data -join ' '
        if ($State.parts.Count -eq 0 -or ($State.partIsOver -and $text -match $Begins)) {
            $State.parts = @($State.parts) + [pscustomobject]@{ n = $State.parts.Count + 1; startedAt = $record.at; whiteGlove = $null }
            $State.partIsOver = $false
        }
        $record.part = $State.parts[-1].n
        if ($text -match 'ESPProgress_WhiteGloveMode_(True|False)') { $State.parts[-1].whiteGlove = $Matches[1] -eq 'True' }
        if ($text -match 'ESPProgress_WhiteGlove_Success') { $State.partIsOver = $true }
        if ($text -match $Ends) { $State.doneAt = $record.at } elseif ($text -match $Begins) { $State.doneAt = $null }
        $record
    }
}
# The facts that changed. The codes of apps are sent with any list, because they say why an app in it failed.
function Get-Changes($State) {
    $facts = Get-Facts
    $goAlong = ''
    foreach ($name in ($facts.Keys | Sort-Object -Descending)) {
        $was = $State.known.$name
        $is = [string]$facts[$name]
        if ($is -eq '' -or $is.Length -gt 20000 -or ($is -ceq $was -and $name -cnotlike $goAlong)) { continue }
        if ($name -clike 'tracked/*') { $goAlong = 'app/*' }
        [ordered]@{ part = $State.parts[-1].n; at = Get-Text (Get-Date); fact = $name; was = $was; is = $is }
        $State.known | Add-Member -NotePropertyName $name -NotePropertyValue $is -Force
    }
}
# The status of the answer, or 0 without one. Redirections are not followed, so the secret goes only to its own address.
function Send-Body([string]$Body) {
    $call = @{ Uri = $Url; Method = 'Post'; Headers = @{ 'X-Vestibule-Secret' = $Secret }; ContentType = 'application/json; charset=utf-8'
        Body = [Text.Encoding]::UTF8.GetBytes($Body); UseBasicParsing = $true; MaximumRedirection = 0; TimeoutSec = 30 }
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    try { $answer = Invoke-WebRequest @call } catch { $answer = $_.Exception.Response; Write-Log "$_" }
    if ($null -eq $answer) { return 0 } else { return [int]$answer.StatusCode }
}
function Invoke-Run {
    $state = Read-State
    $enrolled = @(Get-WinEvent -LogName $EnrollmentLog -FilterXPath '*[System[EventID=72]]' -Oldest -MaxEvents 1 -EA SilentlyContinue)
    if ($null -eq $state.enrolledAt -and $enrolled.Count -gt 0) { $state.enrolledAt = Get-Text $enrolled[0].TimeCreated }
    $bodies = @(Get-Bodies $state 'records' @(Get-Records $state))
    if ($state.parts.Count -gt 0) { $bodies += @(Get-Bodies $state 'facts' @(Get-Changes $state)) }
    if ($WhatIf) { return [regex]::Replace(($bodies -join "`n"), '[^\x00-\x7f]', { param($m) '\u{0:x4}' -f [int][char]$m.Value }) }
    # Bodies are kept before they are posted, and dropped once answered or refused for good (400, 413). Posting one twice does no harm.
    $state.undelivered = @($state.undelivered) + $bodies
    Save-State $state
    $isPaused = $null -ne $state.pausedAt -and (Get-Hours $state.pausedAt) -ge 0 -and (Get-Hours $state.pausedAt) -lt 1
    while ($state.undelivered.Count -gt 0 -and -not $isPaused) {
        $status = Send-Body $state.undelivered[0]; Write-Log "posted: $status"
        if ($status -eq 401) { $state.pausedAt = Get-Text (Get-Date); Save-State $state }
        if ($status -notin 200, 202, 207, 400, 413) { break }
        $state.undelivered = [string[]]@($state.undelivered | Select-Object -Skip 1)
        Save-State $state
    }
    # A device prepared by its technician waits up to half a year for its user, whose part then has a day of its own.
    $since = if ($state.parts.Count -gt 1) { $state.parts[-1].startedAt } else { $state.firstRun }
    $isOld = (Get-Hours $since) -gt $(if ($state.partIsOver) { 4380 } else { 24 })
    $isOver = $null -ne $state.doneAt -and (Get-Hours $state.doneAt) * 60 -ge 10 -and $state.undelivered.Count -eq 0
    $owners = @(Get-CimInstance Win32_Process -Filter "Name='explorer.exe'" | Invoke-CimMethod -MethodName GetOwner)
    $people = @($owners | Where-Object { $_.User -notmatch '^(SYSTEM|defaultuser\d*|)$' })
    if ($isOld -or ($isOver -and $people.Count -gt 0)) { Remove-Reporter }
}
# Anybody may create a folder there. One that is not ours could be readable for others, or lead elsewhere.
function Test-Own {
    $isLink = (Get-Item -LiteralPath $Folder -Force).Attributes -band [IO.FileAttributes]::ReparsePoint
    return -not $isLink -and (Get-Acl $Folder).GetOwner([Security.Principal.SecurityIdentifier]).Value -in 'S-1-5-18', 'S-1-5-32-544'
}
function Remove-Reporter {
    # The task is removed last: if the folder with the secret cannot be removed, the next run tries again.
    if ((Test-Path $Folder) -and (Test-Own)) { Remove-Item -LiteralPath $Folder -Recurse -Force }
    Unregister-ScheduledTask @Task -Confirm:$false -ErrorAction SilentlyContinue
}
function Install-Reporter {
    $acl = New-Object Security.AccessControl.DirectorySecurity
    $acl.SetSecurityDescriptorSddlForm('O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
    [void][IO.Directory]::CreateDirectory($Folder, $acl)
    if (-not (Test-Own)) { throw "$Folder is there, and is not ours" }
    [IO.Directory]::SetAccessControl($Folder, $acl)
    # The copy needs no secret: where PowerShell logs scripts, it would be logged each minute. A signed script is copied unchanged.
    $text = [IO.File]::ReadAllText($PSCommandPath)
    if ((Get-AuthenticodeSignature $PSCommandPath).Status -eq 'NotSigned') { $text = $text.Replace("'$Secret'", "'{secret}'") }
    [IO.File]::WriteAllText("$Folder\Vestibule-Reporter.ps1", $text)
    [IO.File]::WriteAllText("$Folder\config.json", '{"url":"' + $Url + '","secret":"' + $Secret + '"}')
    $action = New-ScheduledTaskAction -Execute "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe" `
        -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$Folder\Vestibule-Reporter.ps1`" -Run"
    # Starts long ago, so that setting the clock back changes nothing.
    $minute = New-ScheduledTaskTrigger -Once -At ([datetime]'2020-01-01') -RepetitionInterval (New-TimeSpan -Minutes 1)
    $settings = New-ScheduledTaskSettingsSet -MultipleInstances IgnoreNew -ExecutionTimeLimit (New-TimeSpan -Minutes 2) `
        -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -StartWhenAvailable
    $system = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
    $what = @{ Action = $action; Trigger = (New-ScheduledTaskTrigger -AtStartup), $minute; Settings = $settings; Principal = $system }
    $null = Register-ScheduledTask @Task @what -Force
    $Registry.CreateSubKey('SOFTWARE\Vestibule').SetValue('Reporter', $Version)
    Start-ScheduledTask @Task
}

if ($WhatIf) { Invoke-Run; exit 0 }
if ($Uninstall) { Remove-Reporter; $Registry.DeleteSubKeyTree('SOFTWARE\Vestibule', $false); exit 0 }
try {
    # Read without PowerShell commands, because their arguments may be logged.
    if (Test-Path "$PSScriptRoot\config.json") {
        $text = [IO.File]::ReadAllText("$PSScriptRoot\config.json")
        $Url = [regex]::Match($text, '"url"\s*:\s*"([^"]+)"').Groups[1].Value
        $Secret = [regex]::Match($text, '"secret"\s*:\s*"([^"]+)"').Groups[1].Value
    }
    if ($Url -notmatch '^https://' -or $Secret -notmatch '^[!-z]+$') { throw 'an address with https and a secret are needed' }
    if ($Run) { Invoke-Run } else { Install-Reporter }
} catch { if ($Run) { Write-Log "failed: $_" }; throw }
